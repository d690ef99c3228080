import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dependenciesAreCurrent, hasDevelopmentDependencies, stampDependencies } from './dependencies.mjs';

describe('dependenciesAreCurrent', () => {
  let root: string;
  const lock = () => path.join(root, 'package-lock.json');
  const npmRecord = () => path.join(root, 'node_modules', '.package-lock.json');

  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'millrace-dependencies-'));
    writeFileSync(lock(), '{"lockfileVersion":3}');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function install(at: Date): void {
    mkdirSync(path.join(root, 'node_modules'));
    writeFileSync(npmRecord(), '{}');
    utimesSync(npmRecord(), at, at);
  }

  it('is false without node_modules', () => {
    expect(dependenciesAreCurrent(root)).toBe(false);
  });

  it('is false when an install was interrupted before npm wrote its record', () => {
    mkdirSync(path.join(root, 'node_modules'));
    expect(dependenciesAreCurrent(root)).toBe(false);
  });

  it('is true after npm installed what the lock file says', () => {
    install(new Date());
    expect(dependenciesAreCurrent(root)).toBe(true);
  });

  it('is false when the lock file has changed since', () => {
    install(new Date(Date.now() - 60_000));
    stampDependencies(root);
    writeFileSync(lock(), '{"lockfileVersion":3,"packages":{}}');
    expect(dependenciesAreCurrent(root)).toBe(false);
  });

  it('is true when only the time of the lock file has changed since', () => {
    install(new Date(Date.now() - 60_000));
    stampDependencies(root);
    expect(dependenciesAreCurrent(root)).toBe(true);
  });
});

describe('hasDevelopmentDependencies', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'millrace-dependencies-'));
    writeFileSync(
      path.join(root, 'package.json'),
      JSON.stringify({ devDependencies: { jest: '30.0.0', knip: '6.0.0' } }),
    );
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function install(...names: string[]): void {
    const packages = Object.fromEntries(names.map((name) => [`node_modules/${name}`, {}]));
    mkdirSync(path.join(root, 'node_modules'));
    writeFileSync(path.join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
  }

  it('is true when npm has recorded all of them', () => {
    install('turbo', 'jest', 'knip');
    expect(hasDevelopmentDependencies(root)).toBe(true);
  });

  it('is false after an install without them, after half an install, and before any', () => {
    expect(hasDevelopmentDependencies(root)).toBe(false);
    install('turbo');
    mkdirSync(path.join(root, 'node_modules', 'jest'));
    expect(hasDevelopmentDependencies(root)).toBe(false);
  });
});
