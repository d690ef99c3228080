import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { inProject, projectRoot } from '../../scripts/setup/project.mjs';
import { redisAcl } from './render-acl.mjs';

const passwords = { admin: 'a-secret', api: 'b-secret', worker: 'c-secret' };
const acl = redisAcl({ keyPrefix: 'mine', passwords });
const rightsOf = (name: string) =>
  acl
    .split('\n')
    .find((line) => line.startsWith(`user ${name} `))
    ?.split(' ') ?? [];

describe('the users of Redis', () => {
  it('are a line each, with digests in place of passwords', () => {
    expect(
      acl
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ').slice(0, 3)),
    ).toEqual(['default', 'millrace-api', 'millrace-worker'].map((name) => ['user', name, 'on']));
    expect(acl).not.toMatch(/[${}]\{|\}\}|secret|#(?![0-9a-f]{64} )/);
  });

  it('but the admin have no right by category, and no key or channel without the prefix', () => {
    for (const name of ['millrace-api', 'millrace-worker']) {
      const rights = rightsOf(name).map((right) => right.replace(/^\(|\)$/g, ''));
      expect(rights).toContain('-@all');
      expect(rights.filter((right) => right.startsWith('+@'))).toEqual([]);
      const names = rights
        .filter((right) => /^(%RW?)?[~&]/.test(right))
        .map((right) => right.replace(/^(%R)?[~&]/, ''));
      expect(names.filter((pattern) => !/^\{?mine:/.test(pattern))).toEqual([]);
    }
  });

  it('may call, one or the other, every command that is in a script', () => {
    const granted = new Set(
      [...rightsOf('millrace-api'), ...rightsOf('millrace-worker')].map((right) => right.replace(')', '')),
    );
    const called = globSync('packages/*/lua/**/*.lua', { cwd: projectRoot }).flatMap((file) =>
      [...readFileSync(inProject(file), 'utf8').matchAll(/redis\.p?call\('([A-Z]+)'/g)].map(([, name = '']) => name),
    );
    expect(called.length).toBeGreaterThan(100);
    expect([...new Set(called)].filter((name) => !granted.has(`+${name.toLowerCase()}`))).toEqual([]);
  });

  it('are not made for a prefix that would be a pattern', () => {
    for (const keyPrefix of ['*', 'a b', '{a}', ''])
      expect(() => redisAcl({ keyPrefix, passwords })).toThrow(RangeError);
  });
});
