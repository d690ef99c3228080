import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Child, freePort, readSse } from '@millrace/testing';
import { idOf } from './system.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** State of its own: the developer's may be in use. */
let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'millrace-start-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

async function start(port: number): Promise<Child> {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, PORT: String(port), MILLRACE_STATE_DIR: state };
  const child = await Child.start({ command: process.execPath, args: ['scripts/start.mjs'], cwd: ROOT, env });
  await child.line((line) => line.includes('Millrace answers at'), 60_000);
  return child;
}

describe('npm start', () => {
  it('serves, says that the model is simulated, stops on Ctrl-C, and keeps its answers', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const first = await start(port);
    expect(first.lines.join('\n')).toMatch(/SIMULATED/);
    expect((await fetch(url)).headers.get('content-type')).toMatch('text/html');
    await using stream = await readSse(`${url}/jobs`, { body: { query: 'Why is the sky blue?' } });
    await stream.collect();
    expect(stream.text()).toMatch(/blue/);
    process.kill(first.pid, 'SIGINT');
    expect(await first.exited).toMatchObject({ code: 0 });

    const second = await start(port);
    const job = await (await fetch(`${url}/jobs/${idOf(stream)}`)).json();
    expect(job).toMatchObject({ status: 'completed', text: stream.text() });
    await second.stop();
  });
});
