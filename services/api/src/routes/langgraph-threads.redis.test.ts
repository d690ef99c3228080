import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@langchain/langgraph-sdk';
import type { AttemptWriter } from '@millrace/stream-log';
import { readSse, type SseReader } from '@millrace/testing';
import { Client as Client11 } from 'langgraph-sdk-1-11';
import { ApiHarness, finish, refOf, say, type TestNode } from '../testing/api-harness.ts';
import { Turns } from '../testing/turns.ts';

const CLIENTS: readonly [name: string, client: typeof Client][] = [
  ['langgraph-sdk 1.15', Client],
  ['langgraph-sdk 1.11', Client11 as unknown as typeof Client],
];

let harness: ApiHarness;
let node: TestNode;
let other: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start();
  [node, other] = await Promise.all([harness.node(), harness.node()]);
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const newThread = () => `thread-${crypto.randomUUID()}`;
const path = (threadId: string, rest: string) => `/langgraph/threads/${threadId}/${rest}`;

async function command(threadId: string, method: string, params: object, id = 7) {
  const answer = await fetch(`${node.url}${path(threadId, 'commands')}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id, method, params }),
  });
  return { answer, body: (await answer.json()) as Record<string, unknown> & { result?: { run_id: string } } };
}

async function start(threadId: string, params: object = {}): Promise<string> {
  const input = { messages: [{ type: 'human', content: 'Hi' }] };
  const { body } = await command(threadId, 'run.start', { assistant_id: 'chat', input, ...params });
  if (body.result === undefined) throw new Error(JSON.stringify(body));
  return body.result.run_id;
}

const events = (threadId: string, body: object = {}, at = node): Promise<SseReader> =>
  readSse(`${at.url}${path(threadId, 'stream/events')}`, {
    body: { channels: ['messages', 'lifecycle', 'values', 'input', 'tools'], ...body },
  });

interface Piece {
  readonly text: string;
}

interface Told {
  readonly event_id: string;
  readonly seq: number;
  readonly params: { readonly data: { readonly event?: string; readonly delta?: Piece; readonly content?: Piece } };
}
const told = ({ events: all }: SseReader) => all.map(({ data }) => data as Told);
const kinds = (stream: SseReader) => told(stream).map(({ params: { data } }) => data.event);
const until = (stream: SseReader, event: string) =>
  stream.until(({ data }) => (data as Told).params.data.event === event);

/** Runs the job as a worker does, as one that has its turn in the thread. */
async function run(threadId: string, jobId: string, words: readonly string[]): Promise<void> {
  const turns = new Turns(harness, node, threadId);
  await turns.end(jobId, await turns.begin(jobId, words));
}

describe.each(CLIENTS)('client.threads.stream of %s', (_, Sdk) => {
  const threadOf = (id: string, at = node) =>
    new Sdk({ apiUrl: `${at.url}/langgraph`, apiKey: 'none' }).threads.stream(id, { assistantId: 'chat' });

  it('runs an answer, in a thread that nobody has made before, and then another', async () => {
    const id = newThread();
    for (const [words, at] of [
      [['Hel', 'lo'], node],
      [['again'], other],
    ] as const) {
      const thread = threadOf(id, at);
      const texts: string[] = [];
      // ends with the run
      const reading = (async () => {
        for await (const message of thread.messages) texts.push(await message.text);
      })();
      const { run_id: jobId } = await thread.run.start({ input: { messages: [{ type: 'human', content: 'Hi' }] } });
      await run(id, jobId as string, words);
      await reading;
      expect(texts).toEqual([words.join('')]);
      await thread.close();
    }
  });

  it('throws the words of what is refused', async () => {
    const thread = threadOf(newThread());
    const refused = thread.run.start({ input: { messages: 'Hi', more: 1 } });
    await expect(refused).rejects.toThrow('params.input.more');
    await expect(thread.agent.getTree()).rejects.toMatchObject({ code: 'not_supported' });
    const respond = thread.input.respond({ namespace: [], interrupt_id: 'i', response: 1 });
    await expect(respond).rejects.toMatchObject({ code: 'no_such_interrupt' });
    await thread.close();
  });
});

describe('the events of a thread', () => {
  it('are the same on every node, stay open after a run, and go on after `since`', async () => {
    const id = newThread();
    await using early = await events(id);
    const first = await start(id);
    await run(id, first, ['Hel', 'lo']);
    await until(early, 'completed');
    const second = await start(id);
    await run(id, second, ['more']);
    await until(early, 'completed');
    const all = told(early);
    await using replay = await events(id, { since: 0 }, other);
    await replay.take(all.length);
    expect(told(replay)).toEqual(all);
    const cut = all[5] as Told;
    await using resumed = await events(id, { since: cut.seq }, other);
    await resumed.take(all.length - 6);
    expect(told(resumed)).toEqual(all.slice(6));
    // without a cursor: the run that is on, or was last
    await using late = await events(id);
    await until(late, 'completed');
    expect(told(late)).toEqual(all.filter(({ event_id }) => event_id.includes(second)));
  });

  it('tell a take-over by another worker once, to early and late watchers alike', async () => {
    const id = newThread();
    await using early = await events(id);
    const job = await start(id);
    const turns = new Turns(harness, node, id);
    await turns.begin(job, ['Once', ' upon']);
    await until(early, 'content-block-delta');
    const writer: AttemptWriter = await harness.begin(job);
    await say(writer, ['Once', ' more', ', and on']);
    await finish(writer);
    await until(early, 'completed');
    await using late = await events(id, {}, other);
    await until(late, 'completed');
    expect(told(late)).toEqual(told(early));
    const [, again = []] = splitAt(told(early), ({ params: { data } }) => data.event === 'error');
    // the beginning of its block has what the new attempt had said by then
    const pieces = again.filter(({ params: { data } }) => /-(start|delta)$/.test(data.event ?? ''));
    const said = pieces.map(({ params: { data } }) => (data.delta ?? data.content)?.text ?? '');
    expect(said.join('')).toBe('Once more, and on');
    expect(kinds(early).filter((kind) => kind === 'running')).toHaveLength(1);
  });

  it('tell who asked for what runs, by the ids of its lifecycle', async () => {
    const id = newThread();
    const job = await start(id);
    await using stream = await events(id);
    await fetch(`${node.url}/jobs/${job}`, { method: 'DELETE' });
    await until(stream, 'interrupted');
    expect(told(stream).map(({ event_id }) => event_id.split(':').slice(0, 2))).toEqual([['synth', job]]);
  });

  it.each<[string, object, number]>([
    ['no channels', { channels: undefined }, 422],
    ['a cursor that is none', { since: 'x' }, 422],
  ])('are refused with %s', async (_, body, status) => {
    const answer = await fetch(`${node.url}${path(newThread(), 'stream/events')}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ channels: ['values'], ...body }),
    });
    expect(answer.status).toBe(status);
  });
});

describe('the state of a thread', () => {
  const nextOf = async (threadId: string) => {
    const answer = await fetch(`${node.url}${path(threadId, 'state')}`);
    return ((await answer.json()) as { next: string[] }).next;
  };

  it('says that something runs, so that a client that comes back watches it', async () => {
    const id = newThread();
    const job = await start(id);
    expect(await nextOf(id)).toEqual(['__start__']);
    await run(id, job, ['Hello']);
    expect(await nextOf(id)).toEqual([]);
  });
});

describe('a command', () => {
  it('makes a job, whose id is that of the run and of the answer', async () => {
    const id = newThread();
    const input = { messages: [{ type: 'human', content: 'Hi', id: 'h1' }] };
    const { answer, body } = await command(id, 'run.start', { assistant_id: 'chat', input, metadata: { a: 'b' } });
    const jobId = body.result?.run_id as string;
    expect([answer.status, body]).toEqual([200, { type: 'success', id: 7, result: { run_id: jobId } }]);
    expect([answer.headers.get('x-request-id'), answer.headers.get('location')]).toEqual([jobId, null]);
    expect(await harness.reader.outline(refOf(jobId))).toMatchObject({ threadId: id, metadata: { a: 'b' } });
  });

  it.each<[string, string, object, string, string]>([
    ['of an unknown assistant', 'run.start', { assistant_id: 'nobody', input: {} }, 'invalid_argument', 'nobody'],
    ['without an assistant', 'run.start', { input: {} }, 'invalid_argument', 'params.assistant_id'],
    [
      'from another checkpoint',
      'run.start',
      { assistant_id: 'chat', input: { messages: 'a' }, config: { configurable: { checkpoint_id: 'c' } } },
      'invalid_argument',
      'params.checkpoint_id',
    ],
    ['to a thread that asks nothing', 'input.respond', { interrupt_id: 'i' }, 'no_such_interrupt', ''],
    ['that is known and not supported', 'state.fork', {}, 'not_supported', 'state.fork'],
    ['that is unknown', 'dance', {}, 'unknown_command', ''],
  ])('%s is refused by name, in an answer that no client repeats', async (_, method, params, code, words) => {
    const { answer, body } = await command(newThread(), method, params);
    expect(answer.status).toBe(200);
    expect(body).toMatchObject({ type: 'error', id: 7, error: code });
    expect(body['message']).toContain(words === 'nobody' ? 'pipeline' : words);
  });

  it('that is none has no id to answer to', async () => {
    const answer = await fetch(`${node.url}${path(newThread(), 'commands')}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[]',
    });
    expect([answer.status, await answer.json()]).toMatchObject([422, { code: 'INVALID_REQUEST' }]);
  });

  it('follows the strategy for a thread that is busy', async () => {
    const id = newThread();
    const first = await start(id);
    const { body } = await command(id, 'run.start', {
      assistant_id: 'chat',
      input: { messages: 'more' },
      multitask_strategy: 'reject',
    });
    expect(body).toMatchObject({ type: 'error', error: 'invalid_argument' });
    const next = await start(id, { multitask_strategy: 'interrupt' });
    const status = async (jobId: string) => (await harness.reader.outline(refOf(jobId)))?.status;
    expect([await status(first), await status(next)]).toEqual(['cancelled', 'queued']);
  });
});

function splitAt<T>(list: readonly T[], isAt: (entry: T) => boolean): [T[], T[]] {
  const at = list.findIndex(isAt);
  return [list.slice(0, at), list.slice(at)];
}
