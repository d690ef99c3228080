import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Child, eventually, freePort } from '@millrace/testing';
import { agentThatSays, askGreeter as ask, GREETER } from './agent-project.ts';

const PROGRAM = fileURLToPath(new URL('../../services/cli/bin/millrace.js', import.meta.url));
const TIMEOUT_MS = 240_000;
const START_MS = 120_000;

/** A project of its own, which finds LangGraph where this one has it. */
let project: string;
beforeEach(async () => {
  project = await mkdtemp(fileURLToPath(new URL('./dev-project-', import.meta.url)));
  await writeFile(join(project, 'langgraph.json'), GREETER);
});
afterEach(() => rm(project, { recursive: true, force: true }));

const write = (text: string) => writeFile(join(project, 'agent.ts'), text);

it(
  '`millrace dev` serves a fresh agent, reads it anew when it changes, and survives a mistake in it',
  async () => {
    await write(agentThatSays('first words'));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const { PATH, HOME } = process.env;
    await using dev = await Child.start({
      command: process.execPath,
      args: [PROGRAM, 'dev', '--port', String(port)],
      cwd: project,
      env: { PATH, HOME },
    });
    await dev.line((line) => line.includes('Millrace answers at'), START_MS);
    expect(await ask(url)).toBe('first words');

    await write('export const graph = {{{');
    await dev.line((line) => line.includes('worker did not start'), START_MS);
    expect(await ask(url)).toBe('first words');

    await write(agentThatSays('second words'));
    await dev.line((line) => line.includes('read its agents anew'), START_MS);
    await eventually(async () => (await ask(url)) === 'second words', { timeoutMs: START_MS });

    process.kill(dev.pid, 'SIGINT');
    expect((await dev.exited).code).toBe(0);
  },
  TIMEOUT_MS,
);

it(
  'waits for a change where the agent cannot be served from the start',
  async () => {
    await write('export const graph = {{{');
    const port = await freePort();
    const { PATH, HOME } = process.env;
    await using dev = await Child.start({
      command: process.execPath,
      args: [PROGRAM, 'dev', join(project, 'langgraph.json'), '--port', String(port)],
      env: { PATH, HOME },
    });
    await dev.line((line) => line.includes('waiting for a change'), START_MS);
    await write(agentThatSays('mended'));
    await dev.line((line) => line.includes('Millrace answers at'), START_MS);
    expect(await ask(`http://127.0.0.1:${port}`)).toBe('mended');
    process.kill(dev.pid, 'SIGINT');
    expect((await dev.exited).code).toBe(0);
  },
  TIMEOUT_MS,
);
