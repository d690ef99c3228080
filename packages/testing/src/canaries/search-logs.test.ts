import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Child } from '../process/child-process.ts';
import { canariesIn, canary, secretCanary } from './canaries.ts';
import { KEPT_LOGS } from './kept-output.ts';
import { searchLogs } from './search-logs.ts';

let folder: string;
let before: string | undefined;
beforeEach(() => {
  before = process.env[KEPT_LOGS];
  folder = mkdtempSync(join(tmpdir(), 'millrace-search-'));
  process.env[KEPT_LOGS] = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env[KEPT_LOGS];
  else process.env[KEPT_LOGS] = before;
  rmSync(folder, { recursive: true });
});

describe('a search of logs', () => {
  it('names kind, file and line of every canary that a child process wrote, on either output', async () => {
    const [prompt, key, unwritten] = [canary('prompt'), canary('key'), canary('unwritten')];
    const lines = [`console.log('fine')`, `console.error('one ${key} two ${prompt}')`];
    await using child = await Child.start({ command: process.execPath, args: ['-e', lines.join(';')] });
    await child.exited;
    const canaries = canariesIn(folder);
    expect(canaries.map(({ kind }) => kind)).toEqual(['prompt', 'key', 'unwritten']);
    const found = await searchLogs(folder, canaries);
    expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['key', 'prompt']));
    for (const { file, line } of found) {
      expect(readFileSync(join(folder, file), 'utf8').split('\n')[line - 1]).toContain(prompt);
    }
    expect(JSON.stringify(found)).not.toContain(unwritten);
  });

  it('finds each long part of a token, but not the head that all tokens share', async () => {
    const [head, claims, signature] = ['eyJhbGciOiJFUzI1NiJ9xxxx', 'a'.repeat(30), 'b'.repeat(30)];
    secretCanary('token', `${head}.${claims}.${signature}`);
    writeFileSync(
      join(folder, 'x.log'),
      `${head}\n${signature}\n\n${'x'.repeat(10_000)}${claims}${'y'.repeat(10_000)}\n`,
    );
    const found = await searchLogs(folder, canariesIn(folder));
    expect(found.map(({ line }) => line)).toEqual([2, 4]);
    expect(found[1]?.excerpt.length).toBeLessThan(300);
  });

  it('finds a secret whole that has an underscore here and there', async () => {
    const secret = 'abcdefghij_klmnopqrst_uvwxyz01234_56789abcd';
    expect(secretCanary('key', `mrk_${secret}`)).toBe(`mrk_${secret}`);
    expect(canariesIn(folder)).toEqual([{ kind: 'key', parts: [secret] }]);
  });

  it('finds nothing where nothing was sent', async () => {
    writeFileSync(join(folder, 'x.log'), 'a line\n');
    expect(await searchLogs(folder, canariesIn(folder))).toEqual([]);
  });
});
