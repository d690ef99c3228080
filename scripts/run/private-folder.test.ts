import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makePrivate } from './private-folder.mjs';

describe('makePrivate', () => {
  let directory: string;
  const state = (...parts: string[]) => path.join(directory, 'state', ...parts);
  const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'millrace-private-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function openFolder(): void {
    mkdirSync(state('redis'), { recursive: true });
    writeFileSync(state('redis', 'data.aof'), 'a prompt');
    writeFileSync(state('run.sh'), '#!/bin/sh');
    for (const open of [state(), state('redis'), state('run.sh')]) chmodSync(open, 0o755);
    chmodSync(state('redis', 'data.aof'), 0o644);
  }

  it('makes a folder that others cannot enter', () => {
    makePrivate(state(), []);
    expect(modeOf(state())).toBe('700');
  });

  it('closes one that was open, with all that is in it', () => {
    openFolder();
    makePrivate(state(), ['redis', 'run.sh']);
    expect([state(), state('redis'), state('redis', 'data.aof'), state('run.sh')].map(modeOf)).toEqual([
      '700',
      '700',
      '600',
      '700',
    ]);
  });

  it('leaves an open one alone that holds other things, and says so: it may be everybody’s', () => {
    openFolder();
    expect(() => makePrivate(state(), ['redis'])).toThrow(
      /holds more than Millrace's data: run\.sh.*\n.*MILLRACE_STATE_DIR/,
    );
    expect(modeOf(state('redis', 'data.aof'))).toBe('644');
  });
});
