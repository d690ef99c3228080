import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef, newRequestId } from '@millrace/contracts';
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

/** Who asks, and where; default: anybody without keys. */
interface Asker {
  readonly at?: TestNode;
  readonly headers?: Record<string, string>;
}

/** Asks for a job under an id of the client's. */
const ask = (id: string, path: string, body: unknown, { at = node, headers = {} }: Asker = {}) =>
  post(at, path, body, { 'x-request-id': id, ...headers });

/** Starts a job under an id of the client's, and stays to watch it. */
const STARTED_BY: Readonly<Record<string, (jobId: string, by?: Asker) => Promise<Response>>> = {
  native: (id, by) => ask(id, '/jobs', { query: 'Hi' }, by),
  'openai-chat': (id, by) =>
    ask(id, '/v1/chat/completions', { model: 'gpt-4o-mini', messages: user, stream: true }, by),
  'openai-responses': (id, by) =>
    ask(id, '/v1/responses', { model: 'gpt-4o-mini', input: 'Hi', background: true, stream: true }, by),
  'ai-sdk': (id, by) =>
    ask(id, '/api/chat', { id: crypto.randomUUID(), messages: uiMessages, trigger: 'submit-message' }, by),
  'ag-ui': (id, by) => ask(id, '/ag-ui', run(id), by),
  anthropic: (id, by) =>
    ask(id, '/v1/messages', { model: 'gpt-4o-mini', max_tokens: 99, messages: user, stream: true }, by),
  langgraph: (id, by) =>
    ask(
      id,
      '/langgraph/runs/stream',
      { assistant_id: 'chat', input: { messages: user }, stream_mode: 'messages-tuple' },
      by,
    ),
};

interface Watcher {
  readonly watch: (jobId: string, by?: Asker) => Promise<Response>;
  /** what a whole answer ends with */
  readonly done: string;
  /** what a cancelled one says; null: the connection is broken off */
  readonly cancelled: string | null;
}

const get = (path: string, { at = other, headers = {} }: Asker = {}) => fetch(`${at.url}${path}`, { headers });

const WATCHED_BY: Readonly<Record<string, Watcher>> = {
  native: { watch: (id, by) => get(`/jobs/${id}/stream`, by), done: 'event: done', cancelled: 'event: cancelled' },
  text: {
    watch: (id, by) => get(`/jobs/${id}/stream`, { ...by, headers: { ...by?.headers, accept: 'text/plain' } }),
    done: '',
    cancelled: null,
  },
  'openai-chat': {
    watch: (id, by) => get(`/v1/chat/completions/${id}/stream`, by),
    done: '"finish_reason":"stop"',
    cancelled: '"error":{',
  },
  'openai-responses': {
    watch: (id, by) => get(`/v1/responses/resp_${id}?stream=true`, by),
    done: 'event: response.completed',
    cancelled: 'event: response.incomplete',
  },
  'ai-sdk': {
    watch: (id, by) => get(`/api/chat/${id}/stream?startIndex=0`, by),
    done: '"finishReason":"stop"',
    cancelled: '"type":"abort"',
  },
  'ag-ui': {
    watch: (id, by) =>
      post(by?.at ?? other, '/ag-ui', run(newRequestId()), { 'x-millrace-resume': id, ...by?.headers }),
    done: '"outcome":{"type":"success"}',
    cancelled: '"outcome":{"type":"cancelled"}',
  },
  langgraph: {
    watch: (id, by) => get(`/langgraph/runs/${id}/stream?stream_mode=messages-tuple`, by),
    done: 'event: end',
    cancelled: '"error":"UserInterrupt"',
  },
  'durable-streams': {
    watch: (id, by) => get(`/v1/stream/${id}?offset=-1&live=sse`, by),
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

describe('one id that two tenants claim at once', () => {
  const KEYS = { acme: 'the-secret-of-somebody-at-acme', beta: 'the-secret-of-somebody-at-beta' };
  const TENANTS = ['acme', 'beta'] as const;
  let houses: ApiHarness;
  let nodes: readonly TestNode[];
  beforeAll(async () => {
    const keys = TENANTS.map((tenant) => `${tenant}:user:${KEYS[tenant]}`).join();
    houses = await ApiHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys });
    nodes = await Promise.all([houses.node(), houses.node()]);
  });
  afterAll(() => houses?.[Symbol.asyncDispose]());

  it.each(Object.keys(STARTED_BY))('is a job of its own for each: %s', async (protocol) => {
    const id = newRequestId();
    const headers = (tenant: (typeof TENANTS)[number]) => ({ authorization: `Bearer ${KEYS[tenant]}` });
    const asked = TENANTS.map((tenant, i) =>
      STARTED_BY[protocol]?.(id, { at: nodes[i] as TestNode, headers: headers(tenant) }),
    );
    for (const tenant of TENANTS) {
      await eventually(async () => (await houses.reader.outline(jobRef(tenant, id))) !== null);
      const writer = await houses.begin(id, tenant);
      await say(writer, [`for ${tenant}`]);
      await finish(writer);
    }
    const started = await Promise.all(asked);
    expect(started.map((answer) => answer?.status)).toEqual([200, 200]);
    const said = await Promise.all(started.map((answer) => answer?.text()));
    const jobs = await Promise.all(
      TENANTS.map(async (tenant) =>
        (await fetch(`${nodes[0]?.url}/jobs/${id}?include=text`, { headers: headers(tenant) })).json(),
      ),
    );
    expect(jobs).toMatchObject(TENANTS.map((tenant) => ({ id, status: 'completed', text: `for ${tenant}` })));
    for (const [i, tenant] of TENANTS.entries()) {
      expect(said[i]).toContain(tenant);
      expect(said[i]).not.toContain(TENANTS[1 - i]);
    }
  });
});

describe('a stream whose key is deleted', () => {
  const ADMIN = { 'x-api-key': 'the-secret-of-an-admin' };
  let house: ApiHarness;
  let at: TestNode;
  beforeAll(async () => {
    house = await ApiHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `own:admin:${ADMIN['x-api-key']}` });
    at = await house.node();
  });
  afterAll(() => house?.[Symbol.asyncDispose]());

  it.each(Object.keys(WATCHED_BY))('ends without an end of the answer: %s', async (watchedBy) => {
    const { watch, done } = WATCHED_BY[watchedBy] as Watcher;
    const made = await post(at, '/keys', { tenant: 'own' }, ADMIN);
    const { id: keyId, key } = (await made.json()) as { id: string; key: string };
    const id = newRequestId();
    await post(at, '/jobs', { query: 'Hi' }, { accept: 'application/json', 'x-request-id': id, ...ADMIN });
    const writer = await house.begin(id, 'own');
    await say(writer, ['half']);
    const headers = { authorization: `Bearer ${key}` };
    const watching = await watch(id, { at, headers });
    expect(watching.status).toBe(200);
    const ending = partOf(watching);
    expect((await fetch(`${at.url}/keys/${keyId}`, { method: 'DELETE', headers: ADMIN })).status).toBe(204);
    const said = await ending;
    await say(writer, [' whole']);
    await finish(writer);
    expect(said).not.toContain(' whole');
    if (done !== '') expect(said).not.toContain(done);
    expect((await watch(id, { at, headers })).status).toBe(401);
  });

  /** What a stream says until it ends or is broken off. */
  async function partOf(answer: Response): Promise<string> {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true });
    } catch {
      // broken off
    }
    return text;
  }
});
