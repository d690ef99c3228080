import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, rawRequest } from '@millrace/testing';
import { ApiHarness, finish, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;
let other: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start();
  [node, other] = await Promise.all([harness.node(), harness.node()]);
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const KEYS = 'one:user:key-of-one-1234567890,two:user:key-of-two-1234567890';

const user = (text: string) => ({ id: 'u1', role: 'user', parts: [{ type: 'text', text }] });

interface Chunk {
  readonly type: string;
  readonly delta?: string;
  readonly messageId?: string;
}

function chunksIn(body: string): Chunk[] {
  const frames = body.split('\n\n').filter((frame) => frame.startsWith('data: {'));
  return frames.map((frame) => JSON.parse(frame.slice('data: '.length)) as Chunk);
}

function send(body: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(`${node.url}/api/chat`, { method: 'POST', headers, body: text });
}

/** Sends a message, and waits until its job may begin. */
async function ask(body: object) {
  const answer = await send({ messages: [user('hi')], ...body });
  expect(answer.status).toBe(200);
  const jobId = answer.headers.get('x-request-id') ?? '';
  return { answer, jobId };
}

const resume = (id: string, query = '', at = node) =>
  fetch(`${at.url}/api/chat/${encodeURIComponent(id)}/stream${query}`);
const stop = (id: string) => fetch(`${node.url}/api/chat/${encodeURIComponent(id)}/stop`, { method: 'POST' });

describe('POST /api/chat', () => {
  it('streams an answer in the words of the AI SDK', async () => {
    const { answer, jobId } = await ask({ id: 'a-first-chat' });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'x-vercel-ai-ui-message-stream': 'v1',
      'x-workflow-run-id': jobId,
    });
    expect(answer.headers.get('location')).toBeNull();
    await harness.answer(jobId, ['Hel', 'lo']);
    const body = await answer.text();
    expect(chunksIn(body).map(({ type, delta }) => delta ?? type)).toEqual([
      ...['start', 'start-step', 'text-start', 'Hel', 'lo', 'text-end', 'finish-step', 'finish'],
    ]);
    expect(chunksIn(body)[0]?.messageId).toBe(jobId);
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('takes JSON without its content type, and a chat without id', async () => {
    const answer = await send({ messages: [user('hi')] }, { 'content-type': 'text/plain;charset=UTF-8' });
    const jobId = answer.headers.get('x-workflow-run-id') ?? '';
    await harness.answer(jobId, ['fine']);
    expect(await answer.text()).toContain('"fine"');
    expect((await harness.reader.outline(refOf(jobId)))?.threadId).toBeNull();
  });

  it.each([
    ['{', 400, /malformed/],
    [{ messages: [{ role: 'user' }] }, 400, /^See errors\.\n\/messages\/0\/parts: /],
    [{ messages: [user('a')], model: 'nobody:knows' }, 422, /Allowed models: .*\n\/model: /],
    [{ messages: [user('a')], model: 'pipeline/unknown' }, 422, /Known pipelines: chat\.\n\/model: /],
    [{ id: 'nobody-asks', resume: 1 }, 404, /no such thread/],
    [{ messages: [user('a')], topK: 1 }, 400, /\/topK: is not supported/],
  ])('refuses %j in plain words', async (body, status, text) => {
    const answer = await send(body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.headers.get('x-request-id')).toMatch(/./);
    expect(await answer.text()).toMatch(text);
  });

  it('refuses a method or path that it does not have in plain words', async () => {
    const answer = await fetch(`${node.url}/api/chat`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([405, 'text/plain; charset=utf-8']);
    expect((await fetch(`${node.url}/api/chat/x/y`)).headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  it('keeps the answer when its client leaves', async () => {
    const gone = new AbortController();
    const answer = await fetch(`${node.url}/api/chat`, {
      ...{ method: 'POST', signal: gone.signal, body: JSON.stringify({ id: 'left', messages: [user('hi')] }) },
    });
    const jobId = answer.headers.get('x-request-id') ?? '';
    gone.abort();
    const resumed = await resume('left', '', other);
    await harness.answer(jobId, ['still here']);
    expect(await resumed.text()).toContain('still here');
  });
});

describe('GET /api/chat/:id/stream', () => {
  it('replays what runs, on any node, and says that nothing runs', async () => {
    expect((await resume('a-new-chat')).status).toBe(204);
    const { answer, jobId } = await ask({ id: 'a-new-chat' });
    const writer = await harness.begin(jobId);
    await say(writer, ['Hel']);
    const resumed = await resume('a-new-chat', '', other);
    expect(resumed.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1');
    await say(writer, ['lo']);
    await finish(writer);
    const [one, two] = [await answer.text(), await resumed.text()];
    expect(two).toBe(one);
    expect((await resume('a-new-chat')).status).toBe(204);
  });

  it.each(['a chat', '../x', 'ü', 'x'.repeat(300)])('knows a chat by any id: %s', async (id) => {
    const { answer, jobId } = await ask({ id });
    const resumed = await resume(id);
    await harness.answer(jobId, ['yes']);
    expect(await resumed.text()).toBe(await answer.text());
  });

  it('continues a run at any chunk, also after its end', async () => {
    const { answer, jobId } = await ask({});
    const writer = await harness.begin(jobId);
    await say(writer, ['a', 'b']);
    const live = await resume(jobId, '?startIndex=4', other);
    await say(writer, ['c']);
    await finish(writer);
    const all = chunksIn(await answer.text());
    expect(chunksIn(await live.text())).toEqual(all.slice(4));
    for (let index = 0; index <= all.length; index += 1) {
      const rest = await resume(jobId, `?startIndex=${index}`);
      expect(rest.status).toBe(200);
      expect(chunksIn(await rest.text())).toEqual(all.slice(index));
    }
    expect(chunksIn(await (await resume(jobId)).text())).toEqual(all);
  });

  it('counts from the end where the number is below 0', async () => {
    const { answer, jobId } = await ask({ id: 'a-counted-chat' });
    const writer = await harness.begin(jobId);
    await say(writer, ['a', 'b', 'c']);
    // start, start-step, text-start, a, b, c
    const live = await resume('a-counted-chat', '?startIndex=-2', other);
    expect(live.headers.get('x-workflow-stream-tail-index')).toBe('5');
    await finish(writer);
    const all = chunksIn(await answer.text());
    expect(chunksIn(await live.text())).toEqual(all.slice(4));
    const ended = await resume(jobId, '?startIndex=-3');
    expect(ended.headers.get('x-workflow-stream-tail-index')).toBe(String(all.length - 1));
    expect(chunksIn(await ended.text())).toEqual(all.slice(-3));
    expect(chunksIn(await (await resume('a-counted-chat', '?startIndex=-99')).text())).toEqual(all);
  });

  it('refuses what it cannot know', async () => {
    expect((await resume('nobody-knows-this-one', '?startIndex=0')).status).toBe(404);
    expect((await resume('any', '?startIndex=x')).status).toBe(400);
    const head = await rawRequest(`${node.url}/api/chat/any/stream`, { method: 'HEAD' });
    expect(head.status).toBe(204);
  });

  it('tells a job that another protocol has made', async () => {
    const jobId = await submit(node, {}, { query: 'hi', threadId: 'of-another' });
    const resumed = await resume('of-another');
    await harness.answer(jobId, ['crossed']);
    expect(await resumed.text()).toContain('crossed');
  });
});

describe('POST /api/chat/:id/stop', () => {
  it('cancels what runs, which every reader hears', async () => {
    const { answer, jobId } = await ask({ id: 'a-stopped-chat' });
    const writer = await harness.begin(jobId);
    await say(writer, ['half']);
    const resumed = await resume('a-stopped-chat', '', other);
    const stopped = await stop('a-stopped-chat');
    expect([stopped.status, await stopped.json()]).toEqual([200, { cancelled: [jobId] }]);
    for (const reader of [answer, resumed]) {
      const body = await reader.text();
      expect(chunksIn(body).map(({ type }) => type)).toEqual([
        ...['start', 'start-step', 'text-start', 'text-delta', 'text-end', 'finish-step', 'abort', 'finish'],
      ]);
    }
    expect(await (await stop('a-stopped-chat')).json()).toEqual({ cancelled: [] });
    expect((await resume('a-stopped-chat')).status).toBe(204);
  });

  it('cancels what waits as well', async () => {
    const first = await ask({ id: 'a-busy-chat' });
    const second = await ask({ id: 'a-busy-chat' });
    const third = await ask({ id: 'a-busy-chat' });
    const { cancelled } = (await (await stop('a-busy-chat')).json()) as { cancelled: string[] };
    expect(cancelled).toEqual([third.jobId, second.jobId, first.jobId]);
    for (const { answer } of [first, second, third]) expect(await answer.text()).toContain('"abort"');
  });

  it('cancels a run, and knows no other id', async () => {
    const { answer, jobId } = await ask({});
    expect(await (await stop(jobId)).json()).toEqual({ cancelled: [jobId] });
    expect(await answer.text()).toContain('"abort"');
    expect((await stop('nobody-knows-this-one')).status).toBe(404);
  });
});

describe('a chat that is asked again', () => {
  it('puts the running answer aside', async () => {
    const { answer, jobId } = await ask({ id: 'again' });
    await say(await harness.begin(jobId), ['half']);
    const again = await ask({ id: 'again', trigger: 'regenerate-message' });
    expect(await answer.text()).toContain('"abort"');
    await eventually(async () => (await harness.reader.outline(refOf(jobId)))?.status === 'cancelled');
    await harness.answer(again.jobId, ['better']);
    expect(await again.answer.text()).toContain('better');
  });
});

describe('with keys', () => {
  it('shows a tenant nothing of another one', async () => {
    const keyed = await harness.node({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: KEYS });
    const as = (key: string) => ({ 'x-api-key': key });
    const answer = await fetch(`${keyed.url}/api/chat`, {
      ...{ method: 'POST', headers: as('key-of-one-1234567890') },
      body: JSON.stringify({ id: 'ours', messages: [user('hi')] }),
    });
    const jobId = answer.headers.get('x-request-id') ?? '';
    const of = (id: string, what: string, key: string, method = 'GET') =>
      fetch(`${keyed.url}/api/chat/${id}/${what}`, { method, headers: as(key) });
    expect((await of('ours', 'stream', 'key-of-two-1234567890')).status).toBe(204);
    expect((await of(jobId, 'stream?startIndex=0', 'key-of-two-1234567890')).status).toBe(404);
    expect((await of('ours', 'stop', 'key-of-two-1234567890', 'POST')).status).toBe(404);
    const refused = await fetch(`${keyed.url}/api/chat`, { method: 'POST', body: '{}' });
    expect([refused.status, refused.headers.get('content-type')]).toEqual([401, 'text/plain; charset=utf-8']);
    expect(await (await of('ours', 'stop', 'key-of-one-1234567890', 'POST')).json()).toEqual({ cancelled: [jobId] });
    expect(await answer.text()).toContain('"abort"');
  });
});
