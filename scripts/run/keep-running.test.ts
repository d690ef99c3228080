import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { KeptChild } from './keep-running.mjs';

let logDirectory: string;
beforeEach(async () => {
  logDirectory = await mkdtemp(join(tmpdir(), 'millrace-kept-'));
});
afterEach(() => rm(logDirectory, { recursive: true, force: true }));

it('starts a child again however often it is struck', async () => {
  const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
  const child = new KeptChild({
    name: 'struck',
    command: process.execPath,
    args: ['-e', `console.log('up ' + process.pid); setInterval(() => {}, 1_000)`],
    env: process.env,
    graceMs: 1_000,
    logDirectory,
    shown: () => null,
  });
  const problem = jest.fn();
  child.once('problem', problem);
  await child.ready(async (run) => void (await once(run, 'line')));
  const lines = new Set<unknown>();
  // a child that crashed so often within a minute would be given up
  for (let strike = 1; strike <= 6; strike++) {
    const up = once(child, 'line');
    child.strike();
    lines.add((await up)[0]);
  }
  await child.stop();
  expect(lines.size).toBe(6);
  expect(problem).not.toHaveBeenCalled();
  expect(log.mock.calls.flat()).toContainEqual(expect.stringMatching(/^struck was killed, .* starts again in 0\.5 s$/));
  log.mockRestore();
});
