import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import jestConfig from '../../jest.config.js';
import { projectRoot } from '../setup/project.mjs';

/** Jest's own limit of 5 s is too short on a busy machine, for hooks above all: they start Redis and whole systems. */
describe('the time that tests and hooks may take', () => {
  it.each(jestConfig.projects.map((project) => [project.displayName, project.setupFilesAfterEnv] as const))(
    'is a minute or more in the project %s',
    (_, [setup = '', ...others]) => {
      const limit = /jest\.setTimeout\((\d+)_000\)/.exec(
        readFileSync(setup.replace('<rootDir>', projectRoot), 'utf8'),
      )?.[1];
      expect(others).toEqual([]);
      expect(Number(limit)).toBeGreaterThanOrEqual(60);
    },
  );

  it('is made shorter by no test', () => {
    const files = globSync('{packages,services,tests,scripts,infra,bench}/**/*.test.ts', {
      cwd: projectRoot,
      exclude: (name) => name === 'node_modules' || name === 'dist',
    });
    const shorter = files.filter((file) => {
      const ends = readFileSync(path.join(projectRoot, file), 'utf8').matchAll(/^ {0,4}\}, ([\d_]+)\);$/gm);
      return [...ends].some(([, limit = '']) => Number(limit.replaceAll('_', '')) < 60_000);
    });
    expect(files.length).toBeGreaterThan(100);
    expect(shorter).toEqual([]);
  });
});
