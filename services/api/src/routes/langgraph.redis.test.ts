import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@langchain/langgraph-sdk';
import { newRequestId } from '@millrace/contracts';
import { eventually } from '@millrace/testing';
import { Client as Client2 } from 'langgraph-sdk-2';
import { ApiHarness, finish, refOf, say, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;
let other: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start();
  [node, other] = await Promise.all([harness.node(), harness.node()]);
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const VERSIONS = { '1.15': Client, '2.0': Client2 as unknown as typeof Client } as const;
const clientOf = (version: keyof typeof VERSIONS = '1.15', at = node) =>
  new VERSIONS[version]({ apiUrl: `${at.url}/langgraph`, callerOptions: { maxRetries: 0 } });
const input = { messages: [{ type: 'human', content: 'Hi', id: 'q1' }] };
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${node.url}/langgraph${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const stored = (jobId: string) => eventually(async () => (await harness.reader.outline(refOf(jobId))) !== null);

// biome-ignore lint/suspicious/noExplicitAny: what a client reads
type Part = { readonly event: string; readonly data: any };

describe.each(Object.keys(VERSIONS) as (keyof typeof VERSIONS)[])('with version %s of the client', (version) => {
  it('a run streams, is a job of its thread, and can be joined on another node', async () => {
    const client = clientOf(version);
    const { thread_id: threadId } = await client.threads.create();
    const named = Promise.withResolvers<{ run_id: string; thread_id?: string }>();
    const streaming = (async () => {
      const parts: Part[] = [];
      const streamMode = ['messages-tuple', 'custom'] as const;
      const payload = { input, streamMode: [...streamMode], onRunCreated: named.resolve };
      for await (const part of client.runs.stream(threadId, 'chat', payload)) parts.push(part as Part);
      return parts;
    })();
    const { run_id: runId, thread_id: thread } = await named.promise;
    expect(thread).toBe(threadId);
    const writer = await harness.begin(runId);
    await say(writer, ['Hel', 'lo']);
    expect((await clientOf(version, other).runs.get(threadId, runId)).status).toBe('running');
    const joining = (async () => {
      const parts: Part[] = [];
      const options = { streamMode: ['messages-tuple'] as const, lastEventId: '-1' };
      for await (const part of clientOf(version, other).runs.joinStream(threadId, runId, options as object))
        parts.push(part as Part);
      return parts;
    })();
    await finish(writer);
    for (const parts of [await streaming, await joining]) {
      expect(parts[0]).toMatchObject({ event: 'metadata', data: { run_id: runId, thread_id: threadId } });
      const text = parts.flatMap(({ event, data }) => (event === 'messages' ? [data[0].content] : [])).join('');
      expect([text, parts.at(-1)?.event]).toEqual(['Hello', 'end']);
    }
    expect((await client.runs.list(threadId)).map(({ run_id: id, status }) => [id, status])).toEqual([
      [runId, 'success'],
    ]);
  });

  it('a run is started in background, waited for, cancelled and erased', async () => {
    const client = clientOf(version);
    const { thread_id: threadId } = await client.threads.create({ metadata: { owner: 'ann' } });
    const run = await client.runs.create(threadId, 'chat', { input, metadata: { a: 'b' } });
    expect(run).toMatchObject({ thread_id: threadId, assistant_id: 'chat', status: 'pending', metadata: { a: 'b' } });
    const joined = client.runs.join(threadId, run.run_id);
    await client.runs.cancel(threadId, run.run_id, true);
    await client.runs.cancel(threadId, run.run_id);
    expect(await joined).toMatchObject({ __error__: { error: 'UserInterrupt' } });
    expect(await client.runs.get(threadId, run.run_id)).toMatchObject({ status: 'interrupted' });
    await client.runs.delete(threadId, run.run_id);
    await expect(client.runs.get(threadId, run.run_id)).rejects.toThrow('HTTP 404');
  });
});

describe('a run', () => {
  it('without a thread has one of its own name', async () => {
    const runId = newRequestId();
    const answer = post('/runs/stream', { assistant_id: 'chat', input }, { 'x-request-id': runId });
    await stored(runId);
    const { headers } = await answer;
    expect(headers.get('location')).toBe(`/threads/${runId}/runs/${runId}/stream?stream_mode=values`);
    expect(headers.get('content-location')).toBe(`/runs/${runId}`);
    expect(await clientOf().runs.get(runId, runId)).toMatchObject({ thread_id: runId, status: 'pending' });
    await harness.answer(runId, ['Hello']);
    expect(await (await answer).text()).toContain('event: end');
    const joined = await (await fetch(`${node.url}/langgraph/runs/${runId}/stream?stream_mode=messages-tuple`)).text();
    expect(joined).toContain('"content":"Hello"');
  });

  it('goes on after an event, wherever it was cut off, and has no more after its end', async () => {
    const runId = newRequestId();
    const answer = post(
      '/runs/stream',
      { assistant_id: 'chat', input, stream_mode: 'messages-tuple' },
      { 'x-request-id': runId },
    );
    await stored(runId);
    await harness.answer(runId, ['one', ' two', ' three']);
    const whole = await (await answer).text();
    const frames = whole.split('\n\n').slice(0, -1);
    const location = (await answer).headers.get('location');
    let done = '';
    for (const frame of frames) {
      done += `${frame}\n\n`;
      const id = /^id: (\S+)/.exec(frame)?.[1];
      if (id === undefined) continue;
      const rest = await fetch(`${other.url}/langgraph${location}`, { headers: { 'last-event-id': id } });
      expect([rest.status, done + (await rest.text())]).toEqual([200, whole]);
    }
  });

  it.each<[string, Record<string, string>, number]>([
    ['a cursor that is none', { 'last-event-id': 'x' }, 400],
    ['the beginning', { 'last-event-id': '-1' }, 200],
  ])('is followed from %s', async (_, headers, status) => {
    const runId = newRequestId();
    const answer = post('/runs', { assistant_id: 'chat', input }, { 'x-request-id': runId });
    expect((await answer).status).toBe(200);
    await harness.answer(runId, ['x']);
    const path = `/threads/${runId}/runs/${runId}/stream`;
    expect((await fetch(`${node.url}/langgraph${path}`, { headers })).status).toBe(status);
  });

  it('that fails is an error to whoever waits', async () => {
    const runId = newRequestId();
    const answer = post('/runs/wait', { assistant_id: 'chat', input }, { 'x-request-id': runId });
    await stored(runId);
    const writer = await harness.begin(runId);
    await say(writer, ['half']);
    await writer.fail({ code: 'MODEL_ERROR', message: 'The model failed.', retryable: true });
    expect(await (await answer).json()).toEqual({ __error__: { error: 'MODEL_ERROR', message: 'The model failed.' } });
    expect((await answer).headers.get('content-location')).toBe(`/runs/${runId}`);
  });

  it('whose reader asked for it is cancelled when that reader is lost', async () => {
    await using own = await ApiHarness.start({ MILLRACE_DISCONNECT_GRACE_MS: '300' });
    const at = await own.node();
    const runId = newRequestId();
    const headers = { 'content-type': 'application/json', 'x-request-id': runId };
    const body = JSON.stringify({ assistant_id: 'chat', input });
    await fetch(`${at.url}/langgraph/runs`, { method: 'POST', headers, body });
    const gone = new AbortController();
    const watching = await fetch(`${at.url}/langgraph/runs/${runId}/stream?cancel_on_disconnect=1`, {
      signal: gone.signal,
    });
    expect(watching.status).toBe(200);
    gone.abort();
    await eventually(async () => (await own.reader.outline(refOf(runId)))?.status === 'cancelled');
  });

  it.each([
    ['reject', 409],
    ['enqueue', 200],
    ['interrupt', 200],
    ['rollback', 200],
  ])('in a busy thread: %s', async (strategy, status) => {
    const threadId = newRequestId();
    const first = newRequestId();
    const asked = { assistant_id: 'chat', input, if_not_exists: 'create' };
    await post(`/threads/${threadId}/runs`, asked, { 'x-request-id': first });
    await harness.begin(first);
    const messages = [{ type: 'human', content: 'again' }];
    const next = await post(`/threads/${threadId}/runs`, {
      ...asked,
      input: { messages },
      multitask_strategy: strategy,
    });
    expect(next.status).toBe(status);
    if (status === 200) expect(await next.json()).toMatchObject({ multitask_strategy: strategy });
    const expected = strategy === 'interrupt' || strategy === 'rollback' ? 'cancelled' : 'active';
    await eventually(async () => (await harness.reader.outline(refOf(first)))?.status === expected);
  });

  it('of many is cancelled by its id, or by what it does', async () => {
    const client = clientOf();
    const { thread_id: threadId } = await client.threads.create();
    const messages = (content: string) => ({ messages: [{ type: 'human', content }] });
    const runs = [await client.runs.create(threadId, 'chat', { input: messages('a') })];
    for (const word of ['b', 'c']) runs.push(await client.runs.create(threadId, 'chat', { input: messages(word) }));
    const [first, second, third] = runs.map(({ run_id: id }) => id);
    await clientOf().runs.cancelMany({ threadId, runIds: [second as string] });
    const statuses = async () =>
      (await Promise.all([first, second, third].map((id) => client.runs.get(threadId, id as string)))).map(
        (run) => run.status,
      );
    expect(await statuses()).toEqual(['pending', 'interrupted', 'pending']);
    await client.runs.cancelMany({ threadId, status: 'all' });
    expect(await statuses()).toEqual(['interrupted', 'interrupted', 'interrupted']);
    expect((await post('/runs/cancel', {})).status).toBe(422);
  });
});

describe('a thread', () => {
  it('is made, found, changed, copied and deleted', async () => {
    const client = clientOf();
    const owner = newRequestId();
    const made = await client.threads.create({ metadata: { owner }, graphId: 'chat' });
    expect(made).toMatchObject({ status: 'idle', metadata: { owner, graph_id: 'chat' } });
    const id = made.thread_id;
    await expect(client.threads.create({ threadId: id })).rejects.toThrow('HTTP 409');
    expect((await client.threads.create({ threadId: id, ifExists: 'do_nothing' })).thread_id).toBe(id);
    await client.threads.update(id, { metadata: { title: 'x' } });
    expect(await client.threads.get(id)).toMatchObject({ metadata: { owner, title: 'x' }, values: { messages: [] } });
    const found = await client.threads.search({ metadata: { owner }, select: ['thread_id'] });
    expect(found).toEqual([{ thread_id: id }]);
    expect(await client.threads.count({ metadata: { owner } })).toBe(1);
    const copy = await client.threads.copy(id);
    expect(copy.thread_id).not.toBe(id);
    await client.threads.delete(id);
    await expect(client.threads.get(id)).rejects.toThrow('HTTP 404');
    expect(await client.threads.count({ metadata: { owner }, status: 'idle' })).toBeLessThan(2);
  });

  it('has the state of its conversation, and one checkpoint of it', async () => {
    const client = clientOf();
    const { thread_id: threadId } = await client.threads.create();
    expect(await client.threads.getState(threadId)).toMatchObject({ values: { messages: [] }, checkpoint: null });
    expect(await client.threads.getHistory(threadId)).toEqual([]);
    const { run_id: runId } = await client.runs.create(threadId, 'chat', { input });
    await harness.answer(runId, ['Hello']);
    const id = `${runId}-said-0`;
    await eventually(async () => (await client.threads.getState(threadId)).checkpoint !== null);
    const state = await client.threads.getState(threadId);
    expect(state).toMatchObject({
      ...{ values: { messages: [{ type: 'ai', content: 'Hello', id }] }, next: [], tasks: [] },
      checkpoint: { thread_id: threadId, checkpoint_id: id },
    });
    expect(await client.threads.getHistory(threadId)).toEqual([state]);
    expect(await client.threads.getState(threadId, id)).toEqual(state);
    expect(await client.threads.getState(threadId, state.checkpoint)).toEqual(state);
    await expect(client.threads.getState(threadId, 'other')).rejects.toThrow('HTTP 404');
    expect((await client.threads.get(threadId)).metadata).toEqual({ graph_id: 'chat', assistant_id: 'chat' });
  });
});

describe('an assistant', () => {
  it('is a pipeline', async () => {
    const client = clientOf();
    const chat = { assistant_id: 'chat', graph_id: 'chat', name: 'chat' };
    expect(await client.assistants.search()).toEqual([expect.objectContaining(chat)]);
    expect(await client.assistants.search({ graphId: 'other' })).toEqual([]);
    expect(await client.assistants.search({ metadata: { mine: true } })).toEqual([]);
    expect(await client.assistants.count()).toBe(1);
    expect(await client.assistants.get('chat')).toMatchObject(chat);
    expect(await client.assistants.getSchemas('chat')).toMatchObject({
      graph_id: 'chat',
      input_schema: { type: 'object' },
    });
    expect(await client.assistants.getVersions('chat')).toHaveLength(1);
    await expect(client.assistants.get('nobody')).rejects.toThrow('HTTP 404');
  });

  it('has a server that says it is there', async () => {
    expect(await (await fetch(`${node.url}/langgraph/ok`)).json()).toEqual({ ok: true });
    expect(await (await fetch(`${node.url}/langgraph/info`)).json()).toHaveProperty('flags.assistants', true);
  });
});

describe('what cannot be done', () => {
  const client = () => clientOf();

  it.each<[string, () => Promise<unknown>, number, string]>([
    ['a run of nobody', () => client().runs.create(null as never, 'nobody', { input }), 404, 'chat'],
    ['a run in no thread', () => client().runs.create('none', 'chat', { input }), 404, 'no such thread'],
    ['a run without input', () => client().runs.wait(null, 'chat', {}), 422, '/input: is required'],
    ['an answer to nobody', () => client().runs.wait('none', 'chat', { command: { resume: 1 } }), 404, 'thread'],
    [
      'a run with breakpoints',
      () => client().runs.wait(null, 'chat', { input, interruptBefore: '*' }),
      422,
      '/interrupt_before',
    ],
    [
      'a checkpoint of elsewhere',
      async () => {
        const { thread_id: id } = await client().threads.create();
        return client().runs.create(id, 'chat', { input, checkpointId: 'x' });
      },
      422,
      '/checkpoint_id',
    ],
    ['a batch', () => client().runs.createBatch([{ assistantId: 'chat' }] as never), 422, 'one by one'],
    ['a cron', () => client().crons.create('chat', { schedule: '* * * * *' }), 422, 'Crons'],
    ['the store', () => client().store.getItem(['a'], 'b'), 422, 'store'],
    ['a graph', () => client().assistants.getGraph('chat'), 422, 'graph'],
    ['a new assistant', () => client().assistants.create({ graphId: 'chat' }), 422, 'Assistants'],
    ['another state', () => client().threads.updateState('t', { values: {} }), 422, 'state'],
    ['metadata that is no text', () => client().threads.create({ metadata: { a: 1 } }), 422, '/metadata/a'],
    ['undoing a run', () => client().runs.cancel('t', newRequestId(), false, 'rollback'), 422, 'undone'],
    ['a run of another thread', () => client().runs.get('t', newRequestId()), 404, 'no such job'],
    [
      'any other path',
      () =>
        fetch(`${node.url}/langgraph/x`).then(async (answer) => {
          throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
        }),
      404,
      'detail',
    ],
  ])('%s says so', async (_, ask, status, words) => {
    const failed = await ask().then(
      () => null,
      (error: Error) => error.message,
    );
    expect(failed).toContain(`HTTP ${status}: {"detail":"`);
    expect(failed).toContain(words);
  });
});
