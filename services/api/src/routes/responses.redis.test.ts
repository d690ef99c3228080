import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRequest, newRequestId } from '@millrace/contracts';
import { eventually } from '@millrace/testing';
import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { ApiHarness, finish, refOf, say, type TestNode } from '../testing/api-harness.ts';
import { TestThread } from '../testing/test-thread.ts';
import { Turns } from '../testing/turns.ts';
import { threadOfResponse } from './response-request.ts';

let harness: ApiHarness;
let node: TestNode;
let client: OpenAI;
let other: OpenAI;
beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000', MILLRACE_DISCONNECT_GRACE_MS: '100' });
  node = await harness.node();
  client = clientAt(node.url);
  other = clientAt((await harness.node()).url);
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const clientAt = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'k' });
const named = (id: string) => ({ headers: { 'x-request-id': id } });
const isThere = (id: string) => eventually(async () => (await harness.reader.outline(refOf(id))) !== null);
const requestOf = async (id: string) =>
  JSON.parse((await harness.redis.hget(harness.keys.record(refOf(id)), 'request')) ?? '{}') as JobRequest;

async function all(stream: AsyncIterable<ResponseStreamEvent>): Promise<ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** Makes a response that has ended, in its thread, as a worker does. */
async function ended(previous: string | null, input: string): Promise<string> {
  const id = newRequestId();
  await client.responses.create({ input, background: true, previous_response_id: previous }, named(id));
  const { threadId = '' } = await requestOf(id);
  const { threads, ref } = new TestThread(harness, 'default', threadId);
  await threads.claim({ ref, jobId: id, attempt: 1, leaseToken: 't' }, [{ role: 'user', content: input }]);
  const turns = new Turns(harness, node, threadId);
  const writer = await turns.begin(id, [`answer to ${input}`]);
  await turns.end(id, writer);
  return `resp_${id}`;
}

const saidIn = async (id: string) => {
  const answer = await fetch(`${node.url}/threads/${id}/messages`);
  return ((await answer.json()) as { items: { content: string }[] }).items.map(({ content }) => content);
};

describe('OpenAI Responses', () => {
  it('are sent whole, and have the same id everywhere', async () => {
    const id = newRequestId();
    const asked = client.responses.create({ input: 'why?', metadata: { a: 'b' } }, named(id));
    await isThere(id);
    await harness.answer(id, ['Because', ' it is.']);
    const response = await asked;
    expect(response).toMatchObject({
      ...{ id: `resp_${id}`, _request_id: id, status: 'completed', output_text: 'Because it is.' },
      ...{ metadata: { a: 'b' }, background: false, store: true, previous_response_id: null },
      usage: { input_tokens: 3, output_tokens: 5, total_tokens: 8 },
    });
    const retrieved = await other.responses.retrieve(response.id);
    expect({ ...retrieved, _request_id: id }).toEqual({ ...response, _request_id: id });
  });

  it('in background are answered at once, and followed from any number on any node', async () => {
    const id = newRequestId();
    const queued = await client.responses.create({ input: 'why?', background: true }, named(id));
    expect(queued).toMatchObject({ status: 'queued', background: true, output: [] });
    const live = client.responses.retrieve(queued.id, { stream: true }).then(all);
    const writer = await harness.begin(id);
    await say(writer, ['Because']);
    expect(await other.responses.retrieve(queued.id)).toMatchObject({ status: 'in_progress', output: [] });
    await say(writer, [' it is.']);
    await finish(writer);
    const events = await live;
    const numbers = events.map(({ sequence_number }) => sequence_number);
    expect(numbers).toEqual(numbers.map((_, index) => index));
    for (const number of numbers) {
      const rest = await all(await other.responses.retrieve(queued.id, { stream: true, starting_after: number }));
      expect(rest).toEqual(events.slice(number + 1));
    }
    const seen = other.responses.stream({ response_id: queued.id, starting_after: 3 });
    expect((await seen.finalResponse()).output_text).toBe('Because it is.');
  });

  it('are cancelled, any number of times, with what they had said', async () => {
    const id = newRequestId();
    const { id: response } = await client.responses.create({ input: 'why?', background: true }, named(id));
    await say(await harness.begin(id), ['half']);
    const live = other.responses.retrieve(response, { stream: true }).then(all);
    for (const each of [client, other]) {
      const cancelled = await each.responses.cancel(response);
      expect(cancelled).toMatchObject({ id: response, status: 'cancelled', output: [{ content: [{ text: 'half' }] }] });
    }
    expect((await live).at(-1)).toMatchObject({ type: 'response.incomplete', response: { status: 'cancelled' } });
  });

  it('that have ended stay as they are when cancelled', async () => {
    const response = await ended(null, 'a');
    expect(await client.responses.cancel(response)).toMatchObject({ status: 'completed' });
  });

  it('end with their connection, unless in background', async () => {
    for (const background of [false, true]) {
      const id = newRequestId();
      const stream = await client.responses.create({ input: 'why?', stream: true, background }, named(id));
      const writer = await harness.begin(id);
      await say(writer, ['Because']);
      for await (const { type } of stream) if (type === 'response.output_text.delta') break;
      if (background) await finish(writer);
      const status = background ? 'completed' : 'cancelled';
      await eventually(async () => (await harness.reader.outline(refOf(id)))?.status === status);
    }
  });

  it('go on in the thread of the one before, with new instructions alone', async () => {
    const first = await ended(null, 'a');
    const second = await ended(first, 'b');
    expect(await client.responses.retrieve(second)).toMatchObject({ previous_response_id: first });
    expect(await saidIn(first)).toEqual(['a', 'answer to a', 'b', 'answer to b']);
    const id = newRequestId();
    const asked = { input: 'c', background: true, previous_response_id: second, instructions: 'Be brief.' };
    await client.responses.create(asked, named(id));
    expect(await requestOf(id)).toMatchObject({
      ...{ threadId: first, continues: second.slice(5), instructions: 'Be brief.' },
      messages: [{ role: 'user', content: 'c' }],
    });
  });

  it('go on in copies where an older one is continued, also by many at once', async () => {
    const first = await ended(null, 'a');
    await ended(first, 'b');
    const ids = [newRequestId(), newRequestId(), newRequestId()];
    await Promise.all(
      ids.map((id) => client.responses.create({ input: id, background: true, previous_response_id: first }, named(id))),
    );
    for (const id of ids) {
      expect(await requestOf(id)).toMatchObject({ threadId: threadOfResponse(id), continues: first.slice(5) });
      expect(await client.responses.retrieve(`resp_${id}`)).toMatchObject({ previous_response_id: first });
      expect(await saidIn(threadOfResponse(id))).toEqual(['a', 'answer to a']);
    }
    // of two at once that continue the last one, the thread takes one
    const last = await ended(first, 'c');
    const [one, two] = [newRequestId(), newRequestId()];
    await Promise.all(
      [one, two].map((id) =>
        client.responses.create({ input: id, background: true, previous_response_id: last }, named(id)),
      ),
    );
    const threads = await Promise.all([one, two].map(async (id) => (await requestOf(id)).threadId));
    expect(new Set(threads).size).toBe(2);
    expect(threads).toContain(threadOfResponse(last.slice(5)));
  });

  it('are the same when they are asked for again with the same key', async () => {
    const first = await ended(null, 'a');
    const again = (body: object, key: string) =>
      client.responses.create({ input: 'x', background: true, ...body }, { headers: { 'idempotency-key': key } });
    for (const previous_response_id of [null, first]) {
      const key = newRequestId();
      const { id } = await again({ previous_response_id }, key);
      expect((await again({ previous_response_id }, key)).id).toBe(id);
      await expect(again({ previous_response_id, instructions: 'x' }, key)).rejects.toMatchObject({
        ...{ status: 400, code: 'idempotency_mismatch' },
      });
    }
  });

  it('are erased, with their conversation if that is theirs alone', async () => {
    const alone = await ended(null, 'a');
    await client.responses.delete(alone);
    await expect(client.responses.retrieve(alone)).rejects.toMatchObject({ status: 404 });
    expect((await fetch(`${node.url}/threads/${alone}`)).status).toBe(404);

    const first = await ended(null, 'a');
    const second = await ended(first, 'b');
    await client.responses.delete(second);
    await expect(client.responses.retrieve(second)).rejects.toMatchObject({ status: 404 });
    expect(await saidIn(first)).toHaveLength(4);

    const id = newRequestId();
    const { id: running } = await client.responses.create({ input: 'a', background: true }, named(id));
    await client.responses.delete(running);
    await expect(client.responses.retrieve(running)).rejects.toMatchObject({ status: 404 });
  });

  it.each<[string, object, object]>([
    ['a bad field', { top_p: 7 }, { status: 400, type: 'invalid_request_error', param: 'top_p' }],
    ['an unknown model', { model: 'no-such' }, { status: 404, code: 'model_not_found', param: 'model' }],
    ['an unknown pipeline', { model: 'pipeline/no-such' }, { status: 404, code: 'model_not_found', param: 'model' }],
    ['a built-in tool', { tools: [{ type: 'web_search' }] }, { status: 400, param: 'tools[0].type' }],
    ['an unknown previous response', { previous_response_id: 'x' }, { status: 400, param: 'previous_response_id' }],
  ])('are refused in OpenAI’s words: %s', async (_, body, error) => {
    const keys = await harness.storedKeys();
    await expect(client.responses.create({ input: 'x', ...body })).rejects.toMatchObject(error);
    expect(await harness.storedKeys()).toEqual(keys);
  });

  it('that were not stored cannot be continued', async () => {
    const id = newRequestId();
    const { id: response } = await client.responses.create({ input: 'x', store: false, background: true }, named(id));
    expect((await requestOf(id)).threadId).toBeUndefined();
    await expect(client.responses.create({ input: 'x', previous_response_id: response })).rejects.toMatchObject({
      ...{ status: 400, param: 'previous_response_id' },
    });
  });

  it('are unknown in OpenAI’s words', async () => {
    for (const id of ['resp_0000000000000000000a', 'x', 'resp_']) {
      await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
      await expect(client.responses.cancel(id)).rejects.toMatchObject({ status: 404 });
      await expect(client.responses.delete(id)).rejects.toMatchObject({ status: 404 });
    }
    const bad = client.responses.retrieve(await ended(null, 'a'), { stream: true, starting_after: -1 });
    await expect(bad).rejects.toMatchObject({ status: 400 });
    const absent = await fetch(`${node.url}/v1/responses/resp_x/input_items`);
    expect([absent.status, await absent.json()]).toMatchObject([404, { error: { type: 'invalid_request_error' } }]);
  });

  it('that failed are errors to who waits, and responses to who asks later', async () => {
    const id = newRequestId();
    const asked = client.responses.create({ input: 'x' }, named(id));
    asked.catch(() => undefined);
    await isThere(id);
    const writer = await harness.begin(id);
    await say(writer, ['half']);
    await writer.fail({ code: 'MODEL_ERROR', message: 'no luck', retryable: true });
    await expect(asked).rejects.toMatchObject({ status: 400, code: 'server_error' });
    expect(await client.responses.retrieve(`resp_${id}`)).toMatchObject({
      ...{ status: 'failed', error: { code: 'server_error', message: 'no luck' }, output_text: 'half' },
    });
  });
});
