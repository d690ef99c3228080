import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../setup/project.mjs';

const PAGES = ['docs/laws.md', 'docs/reliability.md', 'docs/security.md'];

const files = globSync('{packages,services,tests,scripts,infra,bench}/**/*.test.ts', {
  cwd: projectRoot,
  exclude: (name) => name === 'node_modules' || name === 'dist',
});
const sources = Map.groupBy(files, (file) => path.basename(file));

/** The tests that a page names: `file.test.ts`, then one or more names in quotation marks. */
function namedTests(page: string): { file: string; name: string }[] {
  const text = readFileSync(path.join(projectRoot, page), 'utf8').replaceAll(/\s+/g, ' ');
  return [...text.matchAll(/`(?:[^`]*\/)?([\w-]+(?:\.redis)?\.test\.ts)`[^:`]*: ((?:(?: and )?"[^"]+")+)/g)].flatMap(
    ([, file = '', names = '']) => [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ file, name })),
  );
}

describe.each(PAGES)('%s', (page) => {
  it('names tests that exist', () => {
    const named = namedTests(page);
    expect(named.length).toBeGreaterThan(20);
    const missing = named.filter(
      ({ file, name }) =>
        !(sources.get(file) ?? []).some((found) => readFileSync(path.join(projectRoot, found), 'utf8').includes(name)),
    );
    expect(missing).toEqual([]);
  });
});
