import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelRequest } from '@millrace/simulated-model';
import { readSse, spawnService } from '@millrace/testing';
import { SystemHarness } from './system-harness.ts';

const AGENTS = fileURLToPath(new URL('../agents/', import.meta.url));
const run = promisify(execFile);

/** The agents' project with this version of LangGraph, outside of the clone: it has none of the clone's packages. */
async function projectWith(version: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-agents-'));
  for (const name of ['src', 'langgraph.json', 'tsconfig.json']) {
    await cp(join(AGENTS, name), join(folder, name), { recursive: true });
  }
  for (const name of ['package.json', 'package-lock.json']) {
    await cp(join(AGENTS, `langgraph-${version}`, name), join(folder, name));
  }
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
  return folder;
}

/** 0.4 is a CommonJS project, the others are ES modules. */
describe.each(['0.4', '1.0', '1.7'])('agents of a project with LangGraph %s', (version) => {
  let folder: string;
  let system: SystemHarness;
  beforeAll(async () => {
    folder = await projectWith(version);
    const env = { MILLRACE_GRAPHS: join(folder, 'langgraph.json'), OPENAI_API_KEY: 'x' };
    system = await SystemHarness.start({ processes: 1, env });
  });
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** The model calls these tools until one has answered, and then says so. */
  function callsTools(...names: string[]) {
    system.model.answer(({ body }: ModelRequest) =>
      body.messages?.at(-1)?.role === 'tool'
        ? ['All', ' done']
        : names.map((name, nth) => ({ toolCall: { id: `call_${nth}`, name, arguments: '{"what":"it"}' } })),
    );
  }

  async function ask(body: object) {
    await using stream = await readSse(`${system.url}/jobs`, { body });
    if (stream.response.status !== 200) throw new Error(`refused: ${await stream.response.text()}`);
    return await stream.collect();
  }

  async function jobsOf(threadId: string): Promise<object[]> {
    const { items } = (await (await fetch(`${system.url}/jobs?threadId=${threadId}`)).json()) as {
      items: { id: string }[];
    };
    return Promise.all(items.map(async ({ id }) => (await (await fetch(`${system.url}/jobs/${id}`)).json()) as object));
  }

  const text = (events: readonly { event: string; data: { text?: string } }[]) =>
    events.flatMap(({ event, data }) => (event === 'message' ? [data.text] : [])).join('');

  it('say their messages, their tools’ calls and results, and the usage of all model calls', async () => {
    callsTools('find', 'fail');
    const events = await ask({ pipeline: 'tools', query: 'hi' });
    const names = events.map(({ event }) => event);
    expect(names.slice(0, 3)).toEqual(['accepted', 'started', 'message_start']);
    expect(events.filter(({ event }) => event === 'tool_result').map(({ data }) => data)).toEqual([
      { callId: 'call_0', name: 'find', content: 'found it', isError: false },
      { callId: 'call_1', name: 'fail', content: expect.stringContaining('no luck'), isError: true },
    ]);
    expect(names.filter((name) => name === 'tool_call')).toHaveLength(2);
    expect(names.filter((name) => name === 'message_end')).toHaveLength(2);
    expect(text(events)).toBe('All done');
    expect(events.at(-1)).toMatchObject({ event: 'done', data: { finishReason: 'stop', usage: { outputTokens: 2 } } });
  });

  it('ask a person, and go on with the answer in a job of its own', async () => {
    callsTools('approve');
    const threadId = `approval-${version.replace('.', '-')}`;
    const asked = await ask({ pipeline: 'approval', threadId, query: 'hi' });
    expect(asked.at(-1)).toMatchObject({ event: 'done', data: { finishReason: 'interrupt' } });
    expect(asked.at(-2)).toMatchObject({ event: 'interrupt', data: { value: { may: 'it' }, node: 'tools' } });
    const answered = await ask({ pipeline: 'approval', threadId, resume: 'yes' });
    expect(answered.find(({ event }) => event === 'tool_result')?.data.content).toBe('it: yes');
    expect(text(answered)).toBe('All done');
  });

  it('keep their state in a thread, in their own classes', async () => {
    const threadId = `remembers-${version.replace('.', '-')}`;
    expect(text(await ask({ pipeline: 'remembers', threadId, query: 'one' }))).toBe('1 of 1');
    expect(text(await ask({ pipeline: 'remembers', threadId, query: 'two' }))).toBe('3 of 3');
    expect(text(await ask({ pipeline: 'remembers', query: 'alone' }))).toBe('1 of 1');
  });

  it('may be functions of the functional API, with tasks and questions', async () => {
    system.model.answer(['It ', 'is.']);
    const threadId = `flow-${version.replace('.', '-')}`;
    const asked = await ask({ pipeline: 'flow', threadId, input: { question: 'is it?' } });
    expect(text(asked)).toBe('It is.');
    expect(asked.at(-2)).toMatchObject({ event: 'interrupt', data: { value: { draft: 'It is.' } } });
    const answered = await ask({ pipeline: 'flow', threadId, resume: 'good' });
    expect(text(answered)).toBe('');
    expect(answered.at(-1)).toMatchObject({ event: 'done', data: { finishReason: 'stop' } });
    const [job] = await jobsOf(threadId);
    expect(job).toMatchObject({ output: { answer: 'It is.', verdict: 'good' } });
  });

  it('may be made for each job, of its configuration and the project’s variables', async () => {
    const events = await ask({ pipeline: 'made', query: 'hi', config: { who: 'ann' } });
    expect(text(events)).toBe('kind to ann, hello');
  });

  it('that cannot be loaded stop the start of a worker, with one line that says which and why', async () => {
    const graphs = join(folder, 'src/langgraph.json');
    await cp(join(AGENTS, 'bad.json'), graphs);
    const failed = await spawnService('worker', { ...system.env, MILLRACE_GRAPHS: graphs }).catch(
      (error: Error) => error,
    );
    expect((failed as Error).message).toContain('agent \\"bad\\"');
    expect((failed as Error).message).toContain('has no such export (it has: ');
  });
});
