import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { takeLock } from './lock.mjs';

describe('takeLock', () => {
  let directory: string;
  const file = () => path.join(directory, 'state', 'start.lock');

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'millrace-lock-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('can be taken again when it was given back', () => {
    takeLock(file(), 'http://localhost:8080')[Symbol.dispose]();
    using _lock = takeLock(file(), 'http://localhost:8081');
    expect(readFileSync(file(), 'utf8')).toContain('8081');
  });

  it('takes over the lock of a process that is gone', () => {
    takeLock(file(), 'http://localhost:8080');
    const noProcess = 2 ** 30;
    writeFileSync(file(), `${noProcess}\nhttp://localhost:8080\n`);
    using _lock = takeLock(file(), 'http://localhost:8081');
    expect(readFileSync(file(), 'utf8')).toContain(String(process.pid));
  });
});
