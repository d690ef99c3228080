import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@millrace/contracts';
import { eventually } from '@millrace/testing';
import { ApiHarness, finish, refOf, say, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;
let other: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start();
  [node, other] = await Promise.all([harness.node(), harness.node()]);
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const json = { 'content-type': 'application/json' };
const post = (at: TestNode, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${at.url}${path}`, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) });
const user = [{ role: 'user', content: 'Hi' }];
const uiMessages = [{ id: 'u1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }];
const run = (runId: string) => ({
  ...{ threadId: crypto.randomUUID(), runId, state: {}, messages: [{ id: 'u1', ...user[0] }], tools: [], context: [] },
  ...{ forwardedProps: {}, protocolVersion: '1.0' },
});

/** Starts a job under an id of the client's, and stays to watch it. */
const STARTED_BY: Readonly<Record<string, (jobId: string) => Promise<Response>>> = {
  native: (id) => post(node, '/jobs', { query: 'Hi' }, { 'x-request-id': id }),
  'openai-chat': (id) =>
    post(node, '/v1/chat/completions', { model: 'gpt-4o-mini', messages: user, stream: true }, { 'x-request-id': id }),
  'openai-responses': (id) =>
    post(
      node,
      '/v1/responses',
      { model: 'gpt-4o-mini', input: 'Hi', background: true, stream: true },
      { 'x-request-id': id },
    ),
  'ai-sdk': (id) =>
    post(
      node,
      '/api/chat',
      { id: crypto.randomUUID(), messages: uiMessages, trigger: 'submit-message' },
      { 'x-request-id': id },
    ),
  'ag-ui': (id) => post(node, '/ag-ui', run(id)),
  anthropic: (id) =>
    post(
      node,
      '/v1/messages',
      { model: 'gpt-4o-mini', max_tokens: 99, messages: user, stream: true },
      { 'x-request-id': id },
    ),
  langgraph: (id) =>
    post(
      node,
      '/langgraph/runs/stream',
      { assistant_id: 'chat', input: { messages: user }, stream_mode: 'messages-tuple' },
      { 'x-request-id': id },
    ),
};

interface Watcher {
  readonly watch: (jobId: string) => Promise<Response>;
  /** what a whole answer ends with */
  readonly done: string;
  /** what a cancelled one says; null: the connection is broken off */
  readonly cancelled: string | null;
}

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${other.url}${path}`, { headers });

const WATCHED_BY: Readonly<Record<string, Watcher>> = {
  native: { watch: (id) => get(`/jobs/${id}/stream`), done: 'event: done', cancelled: 'event: cancelled' },
  text: { watch: (id) => get(`/jobs/${id}/stream`, { accept: 'text/plain' }), done: '', cancelled: null },
  'openai-chat': {
    watch: (id) => get(`/v1/chat/completions/${id}/stream`),
    done: '"finish_reason":"stop"',
    cancelled: '"error":{',
  },
  'openai-responses': {
    watch: (id) => get(`/v1/responses/resp_${id}?stream=true`),
    done: 'event: response.completed',
    cancelled: 'event: response.incomplete',
  },
  'ai-sdk': {
    watch: (id) => get(`/api/chat/${id}/stream?startIndex=0`),
    done: '"finishReason":"stop"',
    cancelled: '"type":"abort"',
  },
  'ag-ui': {
    watch: (id) => post(other, '/ag-ui', run(newRequestId()), { 'x-millrace-resume': id }),
    done: '"outcome":{"type":"success"}',
    cancelled: '"outcome":{"type":"cancelled"}',
  },
  langgraph: {
    watch: (id) => get(`/langgraph/runs/${id}/stream?stream_mode=messages-tuple`),
    done: 'event: end',
    cancelled: '"error":"UserInterrupt"',
  },
  'durable-streams': {
    watch: (id) => get(`/v1/stream/${id}?offset=-1&live=sse`),
    done: '"type":"done"',
    cancelled: '"type":"cancelled"',
  },
};

const CANCELLED_BY: Readonly<Record<string, (jobId: string) => Promise<Response>>> = {
  native: (id) => fetch(`${other.url}/jobs/${id}`, { method: 'DELETE' }),
  'openai-responses': (id) => post(other, `/v1/responses/resp_${id}/cancel`, {}),
  'ai-sdk': (id) => post(other, `/api/chat/${id}/stop`, {}),
  langgraph: (id) => post(other, '/langgraph/runs/cancel', { run_ids: [id] }),
};

/** Starts a job, and lets it say a half. */
async function begun(by: string) {
  const jobId = newRequestId();
  const creator = STARTED_BY[by]?.(jobId);
  await eventually(async () => (await harness.reader.outline(refOf(jobId))) !== null);
  const writer = await harness.begin(jobId);
  await say(writer, ['half', ' and']);
  return { jobId, writer, creator };
}

const bodyOf = async (answer: Response | undefined) => {
  try {
    return { text: (await answer?.text()) ?? '', isWhole: true };
  } catch {
    return { text: '', isWhole: false };
  }
};

describe.each(Object.keys(STARTED_BY))('a job that %s started', (startedBy) => {
  it.each(Object.keys(WATCHED_BY))('is whole for a reader of %s, on another node', async (watchedBy) => {
    const { watch, done } = WATCHED_BY[watchedBy] as Watcher;
    const { jobId, writer, creator } = await begun(startedBy);
    const watching = await watch(jobId);
    expect([watching.status, watching.headers.get('x-request-id')]).toEqual([200, jobId]);
    await say(writer, [' whole']);
    await finish(writer);
    const { text, isWhole } = await bodyOf(watching);
    expect(isWhole).toBe(true);
    for (const word of ['half', ' and', ' whole', done]) expect(text).toContain(word);
    expect((await bodyOf(await creator)).isWhole).toBe(true);
  });

  describe.each(Object.keys(CANCELLED_BY))('and %s cancelled', (cancelledBy) => {
    it.each(Object.keys(WATCHED_BY))('is cancelled for a reader of %s', async (watchedBy) => {
      const { watch, cancelled } = WATCHED_BY[watchedBy] as Watcher;
      const { jobId, creator } = await begun(startedBy);
      const watching = await watch(jobId);
      const answer = await CANCELLED_BY[cancelledBy]?.(jobId);
      expect(answer?.ok).toBe(true);
      const { text, isWhole } = await bodyOf(watching);
      expect(isWhole).toBe(cancelled !== null);
      if (cancelled !== null) for (const word of ['half', ' and', cancelled]) expect(text).toContain(word);
      expect(await (await fetch(`${node.url}/jobs/${jobId}`)).json()).toMatchObject({ status: 'cancelled' });
      await bodyOf(await creator);
    });
  });
});
