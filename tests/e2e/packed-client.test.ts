import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { ConformanceServer } from '@millrace/testing';

const PACKAGE = fileURLToPath(new URL('../../packages/client', import.meta.url));
const TIMEOUT_MS = 120_000;
const run = promisify(execFile);

const PROGRAM = `
import { Millrace } from '@millrace/client';
const job = await new Millrace({ baseUrl: process.argv[2] }).jobs.create({ query: 'Why?' });
console.log(JSON.stringify(await job.answer()));
`;

it(
  'the SDK, packed, installs and runs in an empty project',
  async () => {
    const project = await mkdtemp(join(tmpdir(), 'millrace-packed-'));
    try {
      await using server = await ConformanceServer.start();
      const cwd = { cwd: project };
      const { stdout: packed } = await run('npm', ['pack', '--silent', PACKAGE], cwd);
      await writeFile(join(project, 'package.json'), '{"type":"module"}');
      await writeFile(join(project, 'ask.mjs'), PROGRAM);
      // what it needs is in npm's cache since this project was installed
      await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${packed.trim()}`], cwd);
      const { url } = (await (await fetch(`${server.url}/scenarios/plain`, { method: 'POST' })).json()) as {
        url: string;
      };
      const { stdout } = await run(process.execPath, ['ask.mjs', url], cwd);
      expect(JSON.parse(stdout)).toBe('Blaué 🌅\n\ndata: x');
    } finally {
      await rm(project, { recursive: true });
    }
  },
  TIMEOUT_MS,
);
