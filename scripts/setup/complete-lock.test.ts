import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { missingPlatforms, platformOf } from './complete-lock.mjs';
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
