import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, rawRequest } from '@millrace/testing';
import OpenAI from 'openai';
import { ApiHarness, finish, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_MODELS: 'gpt-4o,anthropic:claude-x' });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const QUESTION: OpenAI.ChatCompletionCreateParamsNonStreaming = {
  model: 'gpt-4o',
  messages: [{ role: 'user', content: 'hi' }],
};

function ask(jobId: string, body: unknown = QUESTION, headers: Readonly<Record<string, string>> = {}, at = node) {
  return rawRequest(`${at.url}/v1/chat/completions`, {
    headers: { 'content-type': 'application/json', 'x-request-id': jobId, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const jsonOf = ({ bytes }: { readonly bytes: Buffer }) => JSON.parse(bytes.toString());
const isThere = (jobId: string) => eventually(() => harness.reader.outline(refOf(jobId)));
const clientOf = (at: TestNode, options: object = {}) =>
  new OpenAI({ baseURL: `${at.url}/v1`, apiKey: 'unused', maxRetries: 2, ...options });

function contentOf({ bytes }: { readonly bytes: Buffer }): string {
  return bytes
    .toString()
    .split('\n')
    .flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6))] : []))
    .map(({ choices }) => choices?.[0]?.delta.content ?? '')
    .join('');
}

describe('POST /v1/chat/completions', () => {
  it('streams chunks, whatever the client accepts, with the id of the job and without our Location', async () => {
    const jobId = 'a-chat-that-is-streamed';
    const asked = ask(jobId, { ...QUESTION, stream: true }, { accept: 'application/json' });
    await isThere(jobId);
    await harness.answer(jobId, ['Hel', 'lo']);
    const { status, headers, bytes, end } = await asked;
    expect([status, end]).toEqual([200, 'clean']);
    expect(headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-request-id': jobId });
    expect(headers['cache-control']).toContain('no-transform');
    expect(headers).not.toHaveProperty('location');
    expect(contentOf({ bytes })).toBe('Hello');
    expect(bytes.toString().endsWith('data: [DONE]\n\n')).toBe(true);
    expect(await harness.reader.outline(refOf(jobId))).toMatchObject({
      model: 'openai:gpt-4o',
      onDisconnect: 'cancel',
    });
  });

  it('sends the answer whole', async () => {
    const jobId = 'a-chat-that-is-sent-whole';
    const asked = ask(jobId, { ...QUESTION, metadata: { a: 'b' } });
    await isThere(jobId);
    await harness.answer(jobId, ['Hel', 'lo']);
    const answer = await asked;
    expect(jsonOf(answer)).toEqual({
      ...{ id: `chatcmpl-${jobId}`, object: 'chat.completion', created: expect.any(Number), model: 'openai:gpt-4o' },
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
    });
    expect(answer.headers).toMatchObject({ 'x-request-id': jobId, 'content-type': expect.stringContaining('json') });
  });

  it('lets a job go on without its reader, if asked', async () => {
    const jobId = 'a-chat-that-goes-on-alone';
    const asked = ask(jobId, QUESTION, { 'x-millrace-on-disconnect': 'continue' });
    await isThere(jobId);
    expect(await harness.reader.outline(refOf(jobId))).toMatchObject({ onDisconnect: 'continue' });
    await harness.answer(jobId, ['a']);
    await asked;
    const refused = await ask('a-chat-with-a-bad-header', QUESTION, { 'x-millrace-on-disconnect': 'stop' });
    expect([refused.status, jsonOf(refused)]).toMatchObject([400, { error: { type: 'invalid_request_error' } }]);
  });

  it.each([
    ['n', { ...QUESTION, n: 2 }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['temperature', { ...QUESTION, temperature: 7 }],
    [null, '{"messages":'],
    [null, '[]'],
  ])('refuses what it cannot do, and names the field as OpenAI does: %s', async (param, body) => {
    const answer = await ask('a-chat-that-is-refused', body);
    expect([answer.status, jsonOf(answer)]).toMatchObject([
      400,
      { error: { type: 'invalid_request_error', param, message: expect.any(String) } },
    ]);
    expect(answer.headers['x-should-retry']).toBe('false');
    expect(await harness.reader.outline(refOf('a-chat-that-is-refused'))).toBeNull();
  });

  it.each(['gpt-unknown', 'pipeline/unknown'])('knows no model that is called %s', async (model) => {
    const answer = await ask('a-chat-without-a-model', { ...QUESTION, model });
    expect([answer.status, jsonOf(answer).error]).toMatchObject([404, { code: 'model_not_found', param: 'model' }]);
  });

  it.each([
    ['GET', '/v1/chat/completions', 405],
    ['POST', '/v1/embeddings', 404],
    ['GET', '/v1/chat/completions/%zz/stream', 400],
    ['GET', '/v1/chat/completions/no-such-job-anywhere/stream', 404],
  ])('has OpenAI’s form of error for %s %s, too', async (method, path, status) => {
    const answer = await fetch(`${node.url}${path}`, { method });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { message: expect.any(String), type: expect.any(String) } });
  });

  it('makes one job of a request that a client repeats with its idempotency key', async () => {
    const client = clientOf(node, { defaultHeaders: { 'idempotency-key': 'one-question' } });
    const [one, other] = [client.chat.completions.create(QUESTION), client.chat.completions.create(QUESTION)];
    const jobs = await eventually(async () => {
      const { items } = (await (await fetch(`${node.url}/jobs?status=queued`)).json()) as { items: { id: string }[] };
      return items.length > 0 ? items : null;
    });
    expect(jobs).toHaveLength(1);
    await harness.answer(jobs[0]?.id ?? '', ['once']);
    expect((await one).id).toBe((await other).id);
  });

  it('is repeated by the client where there was no job, and not where there is one', async () => {
    await using alone = new ApiHarness(harness.redisUrl);
    const small = await alone.node({ MILLRACE_MAX_JOBS_PER_TENANT: '1' });
    const held = await submit(small);
    const asked: string[] = [];
    const client = clientOf(small, {
      fetch: async (url: string, init: RequestInit) => {
        const answer = await fetch(url, init);
        asked.push(`${answer.status} ${answer.headers.get('x-should-retry')} ${answer.headers.get('retry-after')}`);
        if (asked.length === 1) await fetch(`${small.url}/jobs/${held}`, { method: 'DELETE' });
        // the client would wait as long as it is told
        const headers = new Headers([...answer.headers, ['retry-after-ms', '1']]);
        return new Response(answer.body, { status: answer.status, headers });
      },
    });
    const answer = client.chat.completions.create({ ...QUESTION, model: 'gpt-4o-mini' });
    const id = await eventually(async () => {
      const { items } = (await (await fetch(`${small.url}/jobs?status=queued`)).json()) as { items: { id: string }[] };
      return items.find((job) => job.id !== held)?.id;
    });
    const writer = await alone.begin(id);
    await say(writer, ['half']);
    await writer.fail({ code: 'MODEL_ERROR', message: 'The model failed.', retryable: true });
    await expect(answer).rejects.toMatchObject({ status: 400, requestID: id, error: { message: 'The model failed.' } });
    expect(asked).toEqual(['429 true 5', '400 false null']);
  });
});

describe('GET /v1/chat/completions/:id/stream', () => {
  it('says a job that any client made, from the beginning or after a chunk', async () => {
    const jobId = await submit(node);
    await harness.answer(jobId, ['one ', 'two ', 'three']);
    for (const id of [jobId, `chatcmpl-${jobId}`]) {
      const whole = await rawRequest(`${node.url}/v1/chat/completions/${id}/stream?include_usage=true`);
      expect([contentOf(whole), whole.headers['x-request-id']]).toEqual(['one two three', jobId]);
      expect(whole.bytes.toString()).toContain('"total_tokens":8');
      const frames = whole.bytes.toString().split(/(?<=\n\n)/);
      for (const [index, frame] of frames.entries()) {
        const cursor = /^id: (.*)$/m.exec(frame)?.[1] ?? '';
        const headers = { 'last-event-id': cursor };
        const rest = await rawRequest(`${node.url}/v1/chat/completions/${id}/stream?include_usage=true`, { headers });
        expect(rest.bytes.toString()).toBe(frames.slice(index + 1).join(''));
      }
    }
    const odd = await rawRequest(`${node.url}/v1/chat/completions/${jobId}/stream?lastEventId=1-2`);
    expect([odd.status, jsonOf(odd)]).toMatchObject([400, { error: { type: 'invalid_request_error' } }]);
  });

  it('resumes a stream that is going on, past the death of its worker', async () => {
    const jobId = 'a-chat-that-moves-on';
    const first = ask(jobId, { ...QUESTION, stream: true }, { 'x-millrace-on-disconnect': 'continue' });
    await isThere(jobId);
    await say(await harness.begin(jobId), ['one ', 'two']);
    const writer = await harness.begin(jobId);
    await say(writer, ['one ', 'two', ' three']);
    const resumed = rawRequest(`${node.url}/v1/chat/completions/${jobId}/stream`, {
      headers: { 'last-event-id': '1' },
    });
    await finish(writer);
    expect(contentOf(await first)).toBe('one two three');
    expect(contentOf(await resumed)).toBe('two three');
  });
});

describe('the models', () => {
  it('are those that requests may name', async () => {
    const list = await (await fetch(`${node.url}/models`)).json();
    expect(list).toEqual({
      items: [
        { id: 'openai:gpt-4o-mini', provider: 'openai', name: 'gpt-4o-mini', isDefault: true },
        { id: 'openai:gpt-4o', provider: 'openai', name: 'gpt-4o', isDefault: false },
        { id: 'anthropic:claude-x', provider: 'anthropic', name: 'claude-x', isDefault: false },
      ],
      nextCursor: null,
    });
    const { data } = await clientOf(node).models.list();
    expect(data.map(({ id, object, owned_by }) => [id, object, owned_by])).toEqual([
      ['openai:gpt-4o-mini', 'model', 'openai'],
      ['openai:gpt-4o', 'model', 'openai'],
      ['anthropic:claude-x', 'model', 'anthropic'],
    ]);
    expect(await clientOf(node).models.retrieve('openai:gpt-4o')).toMatchObject({ id: 'openai:gpt-4o' });
    await expect(clientOf(node).models.retrieve('pipeline/unknown')).rejects.toMatchObject({ status: 404 });
  });
});
