import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { deltaForm, STREAM_EVENTS } from '@millrace/contracts';
import { parseSync } from '@swc/core';
import { checkSync } from 'recheck';
import { projectRoot } from '../setup/project.mjs';

const SOURCES = '{packages,services,infra,scripts}/**/*.{ts,tsx,mjs}';
const SKIPPED = new Set(['node_modules', 'dist', 'testing']);

/** Where patterns are built of parts; this file checks what they come to. */
const BUILT = 'packages/contracts/src/delta.ts';

/** Every regular expression of the product's code, as `/pattern/flags`, with the files that have it. */
function patterns(): { found: Map<string, Set<string>>; built: string[] } {
  const deltas = Object.keys(STREAM_EVENTS).flatMap((type) => deltaForm(type)?.bare.toString() ?? []);
  const found = new Map(deltas.map((name) => [name, new Set([BUILT])]));
  const built: string[] = [];
  const files = globSync(SOURCES, { cwd: projectRoot, exclude: (name) => SKIPPED.has(name) });
  for (const file of files.filter((name) => !/\.(test|d)\.ts$/.test(name))) {
    const text = readFileSync(path.join(projectRoot, file), 'utf8');
    const tree = parseSync(text, { syntax: 'typescript', tsx: file.endsWith('x'), decorators: true, target: 'esnext' });
    if (nodesIn(tree, isBuilt).length > 0) built.push(file);
    for (const { pattern, flags } of nodesIn(tree, isLiteral)) {
      const name = `/${pattern}/${flags}`;
      found.set(name, (found.get(name) ?? new Set()).add(file));
    }
  }
  return { found, built };
}

interface Literal {
  readonly pattern: string;
  readonly flags: string;
}

function isLiteral(node: object): node is Literal {
  return 'type' in node && node.type === 'RegExpLiteral';
}

/** `RegExp(…)` or `new RegExp(…)` */
function isBuilt(node: object): node is object {
  return 'callee' in node && (node.callee as { value?: unknown }).value === 'RegExp';
}

function nodesIn<Node extends object>(tree: unknown, is: (node: object) => node is Node): Node[] {
  if (typeof tree !== 'object' || tree === null) return [];
  const inner = Object.values(tree).flatMap((node) => nodesIn(node, is));
  return is(tree) ? [tree, ...inner] : inner;
}

it('no regular expression takes more than linear time, whatever text it is given', () => {
  const { found: all, built } = patterns();
  expect(built).toEqual([BUILT]);
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
