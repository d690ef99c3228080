import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { lockFiles, missingPlatforms, platformOf, withoutIntegrity } from './complete-lock.mjs';
import { inProject } from './project.mjs';

describe('platformOf', () => {
  it.each([
    ['@swc/core-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'] }],
    ['@turbo/windows-64', { os: ['win32'], cpu: ['x64'] }],
    ['lefthook-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
    ['cpu-features', null],
  ])('reads %s', (name, platform) => {
    expect(platformOf(name)).toEqual(platform);
  });
});

describe('missingPlatforms', () => {
  const parent = {
    version: '1.0.0',
    optionalDependencies: { 'tool-linux-x64': '1.0.0', 'tool-darwin-arm64': '1.0.0' },
  };

  it('adds what the lock was written without', () => {
    const lock = { 'node_modules/tool': parent, 'node_modules/tool-linux-x64': { version: '1.0.0' } };
    expect(missingPlatforms(lock)).toEqual({
      'node_modules/tool-darwin-arm64': { version: '1.0.0', os: ['darwin'], cpu: ['arm64'], optional: true },
    });
  });

  it.each(['package-lock.json', 'bench/src/peers/langgraph/package-lock.json'])(
    'finds nothing missing in %s',
    (name) => {
      const lock = JSON.parse(readFileSync(inProject(name), 'utf8'));
      expect(missingPlatforms(lock.packages)).toEqual({});
    },
  );
});

describe('withoutIntegrity', () => {
  it('names what would be installed whatever it holds, and nothing of our own', () => {
    const packages = {
      '': {},
      'packages/own': { version: '1.0.0' },
      'node_modules/own': { link: true },
      'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' },
      'node_modules/a/node_modules/@b/c': { version: '2.0.0' },
      'node_modules/alias': { name: 'd', version: '3.0.0' },
      'node_modules/a/node_modules/e': { version: '4.0.0', inBundle: true },
    };
    expect([...withoutIntegrity(packages).values()]).toEqual(['@b/c@2.0.0', 'd@3.0.0']);
  });

  // a name that lefthook gives, and that the registry did not have: `npm run lock:complete` adds the hash once it does
  const NOT_HAD = ['lefthook-android-arm64@2.2.2'];

  it.each(lockFiles)('finds nothing in %s', (name) => {
    const lock = JSON.parse(readFileSync(inProject(name), 'utf8'));
    const bare = [...withoutIntegrity(lock.packages).values()];
    expect(bare.filter((each) => !NOT_HAD.includes(each))).toEqual([]);
  });
});
