import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const textOf = (path: string) => readFileSync(`${ROOT}${path}`, 'utf8');

describe('docs/metrics.md', () => {
  it('lists each metric of the sources, and none that is gone', () => {
    const sources = globSync(['services/*/src/**/*metrics.ts', 'packages/runtime/src/metrics.ts'], { cwd: ROOT });
    const made = sources.flatMap((path) =>
      [...textOf(path).matchAll(/name: '(millrace_\w+)'/g)].map(([, name]) => name),
    );
    const listed = [...textOf('docs/metrics.md').matchAll(/^\| `(millrace_\w+)` \|/gm)].map(([, name]) => name);
    expect(listed.filter((name) => !made.includes(name))).toEqual([]);
    expect(made.filter((name) => !listed.includes(name))).toEqual([]);
  });
});
