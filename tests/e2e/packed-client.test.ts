import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { ConformanceServer } from '@millrace/testing';

const PACKAGE = fileURLToPath(new URL('../../packages/client', import.meta.url));
/** As this project has them. */
const REACT = ['react@19.3.1', 'react-dom@19.3.1', '@types/react@19.3.3'];
const COMPILER = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
const TIMEOUT_MS = 240_000;
const run = promisify(execFile);

const PROGRAM = `
import { Millrace } from '@millrace/client';
const job = await new Millrace({ baseUrl: process.argv[2] }).jobs.create({ query: 'Why?' });
console.log(JSON.stringify(await job.answer()));
`;

const PAGE = `
import { Millrace } from '@millrace/client';
import { createJobStore } from '@millrace/client/conversation';
const store = createJobStore(new Millrace({ baseUrl: process.argv[2] }), process.argv[3]);
const leave = store.subscribe(() => {
  const { answer } = store.getSnapshot();
  if (answer.status !== 'completed') return;
  console.log(JSON.stringify(answer.parts.map(({ text }) => text).join('')));
  leave();
});
`;

const HOOK = `
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { Millrace } from '@millrace/client';
import { MillraceProvider, useThread } from '@millrace/client/react';
const Chat = () => useThread().state;
console.log(renderToString(createElement(MillraceProvider, { client: new Millrace() }, createElement(Chat))));
`;

/** A program in TypeScript that has none of our settings: its types come from the package alone. */
const TYPED = `
import { type Job, Millrace, openJobs, type PlainJob } from '@millrace/client';
import { type ConversationSnapshot, createConversation } from '@millrace/client/conversation';
import { useThread } from '@millrace/client/react';
const { messages }: ConversationSnapshot = createConversation(new Millrace()).getSnapshot();
export const first: string | undefined = messages[0]?.id;
export const job: Promise<Job> = new Millrace().jobs.create({ query: 'Why?' });
export const plain: Promise<PlainJob> = openJobs().create({ query: 'Why?' });
export const hook: (id?: string) => { readonly activity: string } = useThread;
// @ts-expect-error a question is a text
openJobs().create({ query: 1 });
`;

it(
  'the SDK, packed, installs and runs in an empty project, each of its entries',
  async () => {
    const project = await mkdtemp(join(tmpdir(), 'millrace-packed-'));
    try {
      await using server = await ConformanceServer.start();
      const cwd = { cwd: project };
      const { stdout: packed } = await run('npm', ['pack', '--silent', PACKAGE], cwd);
      const { stdout: files } = await run('tar', ['-tzf', packed.trim()], cwd);
      expect(files.split('\n').filter((file) => /src\/|testing|\.test\./.test(file))).toEqual([]);
      await writeFile(join(project, 'package.json'), '{"type":"module"}');
      const programs = { 'ask.mjs': PROGRAM, 'page.mjs': PAGE, 'hook.mjs': HOOK, 'typed.ts': TYPED };
      for (const [name, program] of Object.entries(programs)) await writeFile(join(project, name), program);
      // what it needs is in npm's cache since this project was installed
      const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${packed.trim()}`];
      await run('npm', install, cwd);
      const begin = async () => {
        const answer = await fetch(`${server.url}/scenarios/resume-by-id`, { method: 'POST' });
        return (await answer.json()) as { url: string; jobId: string };
      };
      const said = async (program: string, ...args: string[]) =>
        (await run(process.execPath, [program, ...args], cwd)).stdout;
      const plain = (await (await fetch(`${server.url}/scenarios/plain`, { method: 'POST' })).json()) as {
        url: string;
      };
      expect(JSON.parse(await said('ask.mjs', plain.url))).toBe('Blaué 🌅\n\ndata: x');
      const { url, jobId } = await begin();
      expect(JSON.parse(await said('page.mjs', url, jobId))).toBe('Blaué 🌅\n\ndata: x');
      // without React, which is optional, until here
      await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...REACT], cwd);
      expect(await said('hook.mjs')).toBe('new\n');
      const strict = ['--strict', '--noEmit', '--module', 'nodenext', '--lib', 'es2024,dom', '--types', ''];
      await run(process.execPath, [COMPILER, ...strict, 'typed.ts'], cwd);
    } finally {
      await rm(project, { recursive: true });
    }
  },
  TIMEOUT_MS,
);
