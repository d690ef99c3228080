import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { parseSync } from '@swc/core';
import { checkSync } from 'recheck';
import { projectRoot } from '../setup/project.mjs';

const SOURCES = '{packages,services,infra,scripts}/**/*.{ts,tsx,mjs}';
const SKIPPED = new Set(['node_modules', 'dist', 'testing']);

/** Every regular expression of the product's code, as `/pattern/flags`, with the files that have it. */
function patterns(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const files = globSync(SOURCES, { cwd: projectRoot, exclude: (name) => SKIPPED.has(name) });
  for (const file of files.filter((name) => !/\.(test|d)\.ts$/.test(name))) {
    const text = readFileSync(path.join(projectRoot, file), 'utf8');
    const tree = parseSync(text, { syntax: 'typescript', tsx: file.endsWith('x'), decorators: true, target: 'esnext' });
    for (const { pattern, flags } of literalsIn(tree)) {
      const name = `/${pattern}/${flags}`;
      found.set(name, (found.get(name) ?? new Set()).add(file));
    }
  }
  return found;
}

interface Literal {
  readonly pattern: string;
  readonly flags: string;
}

function literalsIn(node: unknown): Literal[] {
  if (typeof node !== 'object' || node === null) return [];
  if ('type' in node && node.type === 'RegExpLiteral') return [node as never];
  return Object.values(node).flatMap(literalsIn);
}

it('no regular expression literal takes more than linear time, whatever text it is given', () => {
  const all = patterns();
  expect(all.size).toBeGreaterThan(100);
  const slow = [...all].flatMap(([name, files]) => {
    const end = name.lastIndexOf('/');
    const found = checkSync(name.slice(1, end), name.slice(end + 1), { timeout: 60_000 });
    if (found.status === 'safe') return [];
    const why = found.status === 'vulnerable' ? found.complexity.summary : found.error.kind;
    return [`${name}: ${why} (${[...files].join(', ')})`];
  });
  expect(slow).toEqual([]);
});
