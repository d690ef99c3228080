import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, rawRequest, readSse } from '@millrace/testing';
import { ApiHarness, finish, post, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({
    MILLRACE_MODELS: 'openai:other,local:tiny',
    MILLRACE_MAX_BODY_BYTES: '2048',
  });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const jobsUrl = () => `${node.url}/jobs`;
const newId = () => `id-${crypto.randomUUID()}`;

describe('POST /jobs (PROTOCOL §2)', () => {
  it('streams the whole answer as SSE, with the id and the headers known before the first token', async () => {
    await using stream = await readSse(jobsUrl(), { body: { query: 'hi' } });
    const id = stream.response.headers.get('x-request-id') ?? '';
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('location')).toBe(`/jobs/${id}`);
    expect(stream.response.headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(stream.response.headers.get('x-accel-buffering')).toBe('no');
    await harness.answer(id, ['Hel', 'lo\n', 'data: x']);
    const events = await stream.collect();
    expect(events.map(({ event }) => event)).toEqual(['accepted', 'started', 'message', 'message', 'message', 'done']);
    expect(stream.text()).toBe('Hello\ndata: x');
    expect(stream.retryHints).toEqual([1000]);
    expect(await stream.ended).toBe('clean');
  });

  it('answers at the alias in the same way', async () => {
    await using stream = await readSse(`${node.url}/api/langchain`, { body: { query: 'hi' } });
    expect((await stream.take(1))[0]?.event).toBe('accepted');
  });

  it.each([
    ['valid', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', true],
    ['malformed', 'not-a-trace', false],
  ])('records a %s trace context for the attempts, or ignores it', async (_, traceparent, isKept) => {
    const id = newId();
    const headers = { 'content-type': 'application/json', accept: 'application/json', 'x-request-id': id };
    const response = await fetch(jobsUrl(), {
      ...{ method: 'POST', headers: { ...headers, traceparent }, body: '{"query":"hi"}' },
    });
    expect(response.status).toBe(202);
    const recorded = await harness.redis.hget(harness.keys.record(refOf(id)), 'traceparent');
    expect(recorded).toBe(isKept ? traceparent : null);
  });

  it('takes any model of a provider, where the settings say so', async () => {
    const open = await harness.node({ MILLRACE_MODELS: 'openai:*' });
    const accept = { accept: 'application/json' };
    const named = await Promise.all(
      ['any-name', 'openai:gpt-9', 'anthropic:claude'].map((model) => post(open, { query: 'hi', model }, accept)),
    );
    expect(named.map(({ status }) => status)).toEqual([202, 202, 422]);
    const models = (await (await fetch(`${open.url}/models`)).json()) as { items: { id: string }[] };
    expect(models.items.map(({ id }) => id)).toEqual(['openai:gpt-4o-mini']);
  });

  it('streams plain text', async () => {
    const id = newId();
    const answer = rawRequest(jobsUrl(), {
      headers: { 'content-type': 'application/json', accept: 'text/plain', 'x-request-id': id },
      body: '{"query":"hi"}',
    });
    const writer = await untilBegun(id);
    await say(writer, ['a', 'b\n\nc']);
    await finish(writer);
    expect(await answer).toMatchObject({ status: 200, end: 'clean' });
    expect((await answer).bytes.toString()).toBe('ab\n\nc');
    expect((await answer).headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('breaks plain text off when the job is cancelled', async () => {
    const id = newId();
    const answer = rawRequest(jobsUrl(), {
      headers: { 'content-type': 'application/json', accept: 'text/plain', 'x-request-id': id },
      body: '{"query":"hi"}',
    });
    await say(await untilBegun(id), ['half an ans']);
    await fetch(`${node.url}/jobs/${id}`, { method: 'DELETE' });
    expect((await answer).end).toBe('broken');
  });

  it('answers with the job at once when asked for JSON', async () => {
    const answer = await post(node, { query: 'hi', metadata: { k: 'v' } }, { accept: 'application/json' });
    const job = (await answer.json()) as { id: string };
    expect(answer.status).toBe(202);
    expect(job).toMatchObject({ status: 'queued', pipeline: 'chat', attempt: 0, text: '', metadata: { k: 'v' } });
    expect(answer.headers.get('x-request-id')).toBe(job.id);
    expect(answer.headers.get('location')).toBe(`/jobs/${job.id}`);
  });

  it('waits for the finished job with Prefer: wait', async () => {
    const id = newId();
    const answer = post(node, { query: 'hi' }, { accept: 'application/json', prefer: 'wait=20', 'x-request-id': id });
    const writer = await untilBegun(id);
    await say(writer, ['all of it']);
    await finish(writer);
    expect((await answer).status).toBe(200);
    expect((await answer).headers.get('preference-applied')).toBe('wait=20');
    expect(await (await answer).json()).toMatchObject({ status: 'completed', text: 'all of it' });
  });

  it('answers 202 when the waiting time runs out', async () => {
    const answer = await post(node, { query: 'hi' }, { accept: 'application/json', prefer: 'wait=0' });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('preference-applied')).toBe('wait=0');
  });

  it('adds the default provider to a bare model name', async () => {
    const answer = await post(node, { query: 'hi', model: 'other' }, { accept: 'application/json' });
    expect(await answer.json()).toMatchObject({ model: 'openai:other' });
  });

  it('knows the pipelines that workers announce', async () => {
    const other = await harness.node();
    await harness.redis.hset(harness.keys.pipelines, { fresh: Date.now(), stale: Date.now() - 120_000 });
    expect((await post(other, { query: 'x', pipeline: 'fresh' }, { accept: 'application/json' })).status).toBe(202);
    const stale = await post(other, { query: 'x', pipeline: 'stale' });
    expect(stale.status).toBe(422);
    expect(await stale.json()).toMatchObject({ code: 'UNKNOWN_PIPELINE' });
  });
});

describe('the same id or key, sent again (PROTOCOL §2)', () => {
  it('re-attaches to a job from its first event, on another node', async () => {
    const id = newId();
    const second = await harness.node();
    await using first = await readSse(jobsUrl(), { body: { query: 'hi' }, headers: { 'x-request-id': id } });
    await first.take(1);
    await using again = await readSse(`${second.url}/jobs`, { body: { query: 'hi' }, headers: { 'x-request-id': id } });
    await harness.answer(id, ['once']);
    expect((await again.collect()).map(({ id: event }) => event)).toEqual(
      (await first.collect()).map(({ id: event }) => event),
    );
  });

  it('makes one job of two requests at once', async () => {
    const headers = { accept: 'application/json', 'idempotency-key': crypto.randomUUID() };
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(node, { query: 'same' }, headers)));
    const jobs = (await Promise.all(answers.map((answer) => answer.json()))) as { id: string }[];
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(202));
  });

  it.each(['x-request-id', 'idempotency-key'])('refuses another body under the same %s', async (name) => {
    const headers = { accept: 'application/json', [name]: newId() };
    expect((await post(node, { query: 'one' }, headers)).status).toBe(202);
    const other = await post(node, { query: 'two' }, headers);
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  });

  it('queues a recorded job that never reached the queue (law 15)', async () => {
    const id = newId();
    const { queuePrefix } = harness.keys;
    const [entry, waiting] = [`${queuePrefix}:jobs:${refOf(id)}`, `${queuePrefix}:jobs:prioritized`];
    await submit(node, { 'x-request-id': id });
    // what a node leaves behind that dies between record and queue
    await harness.redis.multi().del(entry).zrem(waiting, id).exec();
    for (let time = 0; time < 2; time += 1) await submit(node, { 'x-request-id': id });
    expect(await harness.redis.exists(entry)).toBe(1);
    const queued = await harness.redis.zrange(waiting, '0', '-1');
    expect(queued.filter((queuedRef) => queuedRef === refOf(id))).toHaveLength(1);
  });

  it('treats a body with explicit defaults as the same', async () => {
    const id = await submit(node, {}, { query: 'hi' });
    const again = { onCrash: 'restart', pipeline: 'chat', query: 'hi' };
    expect(await submit(node, { 'x-request-id': id }, again)).toBe(id);
  });
});

describe('requests that are refused (PROTOCOL §7)', () => {
  it.each<[string, unknown, Record<string, string>, number, string]>([
    ['broken JSON', '{"query":', {}, 400, 'INVALID_REQUEST'],
    ['no body', '', {}, 400, 'INVALID_REQUEST'],
    ['an unknown field', { query: 'x', nope: 1 }, {}, 400, 'INVALID_REQUEST'],
    ['a bad request id', { query: 'x' }, { 'x-request-id': 'short' }, 400, 'INVALID_REQUEST'],
    ['an over-long key', { query: 'x' }, { 'idempotency-key': 'k'.repeat(256) }, 400, 'INVALID_REQUEST'],
    ['nothing acceptable', { query: 'x' }, { accept: 'image/png' }, 400, 'INVALID_REQUEST'],
    ['too large a body', { query: 'x'.repeat(4096) }, {}, 413, 'PAYLOAD_TOO_LARGE'],
    ['a form', 'query=x', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['bare text', 'hi', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['an unknown pipeline', { query: 'x', pipeline: 'nope' }, {}, 422, 'UNKNOWN_PIPELINE'],
    ['a model off the list', { query: 'x', model: 'local:huge' }, {}, 422, 'MODEL_NOT_ALLOWED'],
  ])('says why: %s', async (_, body, headers, status, code) => {
    const answer = await post(node, body, headers);
    const problem = (await answer.json()) as Record<string, unknown>;
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(problem).toMatchObject({ status, code, requestId: answer.headers.get('x-request-id') });
    expect(answer.status).toBe(status);
    expect(Object.keys(problem)).toEqual(expect.arrayContaining(['type', 'title', 'status', 'detail', 'code']));
  });

  it('points at each fault in the body', async () => {
    const answer = await post(node, { messages: [{ role: 'robot', content: 'a' }], 'odd/key~': 1 });
    const { errors } = (await answer.json()) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer)).toEqual(['/messages/0/role', '/odd~1key~0']);
  });
});

/** The job, as soon as there is one, taken as a worker would. */
async function untilBegun(id: string) {
  await eventually(() => harness.reader.outline(refOf(id)));
  return harness.begin(id);
}
