import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { Child, eventually, freePort } from '@millrace/testing';
import { agentThatSays, askGreeter, GREETER } from './agent-project.ts';
import { PackedProject } from './packed-project.ts';

const TIMEOUT_MS = 240_000;
const START_MS = 120_000;

it(
  '`npx millrace dev`, installed from packages, serves a fresh project with its page, and reads it anew when it changes',
  async () => {
    await using project = await PackedProject.install(['@langchain/core', '@langchain/langgraph']);
    const write = (name: string, text: string) => writeFile(join(project.folder, name), text);
    await write('package.json', '{"type":"module"}');
    await write('langgraph.json', GREETER);
    await write('agent.ts', agentThatSays('first words'));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const { PATH, HOME } = process.env;
    const command = (...args: string[]) => ({
      ...{ command: process.execPath, args: [project.program, ...args] },
      ...{ cwd: project.folder, env: { PATH, HOME, MILLRACE_URL: url } },
    });
    await using dev = await Child.start(command('dev', '--port', String(port)));
    await dev.line((line) => line.includes('Millrace answers at'), START_MS);
    expect(await askGreeter(url)).toBe('first words');
    for (const page of ['/', '/console']) expect(await (await fetch(`${url}${page}`)).text()).toMatch(/<script/);
    // what it keeps is the project's
    await access(join(project.folder, '.millrace', 'redis'));

    await write('agent.ts', agentThatSays('second words'));
    await dev.line((line) => line.includes('read its agents anew'), START_MS);
    await eventually(async () => (await askGreeter(url)) === 'second words', { timeoutMs: START_MS });

    await using asked = await Child.start(command('run', '--pipeline', 'greeter', 'Hello'));
    await asked.line((line) => line.includes('second words'), START_MS);
    expect((await asked.exited).code).toBe(0);

    process.kill(dev.pid, 'SIGINT');
    expect((await dev.exited).code).toBe(0);
  },
  TIMEOUT_MS,
);
