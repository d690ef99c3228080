import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@millrace/contracts';
import { rawRequest, readSse } from '@millrace/testing';
import { ApiHarness, post, refOf, submit, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const BODY = { query: 'hi' };
const again = (id: string, cursor: string) => ({ 'x-request-id': id, 'last-event-id': cursor });

async function answeredJob(): Promise<string> {
  const id = newRequestId();
  await submit(node, { 'x-request-id': id }, BODY);
  await harness.answer(id, ['a', 'b']);
  return id;
}

describe('a repeated POST with Last-Event-ID (PROTOCOL §2)', () => {
  it('resumes after any event, like the path of the stream', async () => {
    const id = await answeredJob();
    await using whole = await readSse(`${node.url}/jobs/${id}/stream`);
    const ids = (await whole.collect()).map((event) => event.id ?? '');
    for (const [index, cursor] of ids.slice(0, -1).entries()) {
      await using rest = await readSse(`${node.url}/jobs`, { body: BODY, headers: again(id, cursor) });
      expect((await rest.collect()).map((event) => event.id)).toEqual(ids.slice(index + 1));
    }
  });

  it('is 204 when the cursor is the terminal event', async () => {
    const id = await answeredJob();
    const last = (await harness.reader.outline(refOf(id)))?.lastEventId ?? '';
    const answer = await post(node, BODY, again(id, last));
    expect([answer.status, answer.headers.get('location')]).toEqual([204, `/jobs/${id}`]);
  });

  it('sends a reset when the cursor is beyond the end, and replays the log', async () => {
    const id = await answeredJob();
    await using stream = await readSse(`${node.url}/jobs`, { body: BODY, headers: again(id, '7-1') });
    const events = await stream.collect();
    expect(events[0]).toMatchObject({ id: '0-0', event: 'reset', data: { reason: 'log-lost' } });
    expect(events.slice(1).map(({ event }) => event)).toEqual(['accepted', 'started', 'message', 'message', 'done']);
  });

  it('is refused with a malformed cursor before anything is stored', async () => {
    const id = newRequestId();
    const answer = await post(node, BODY, again(id, 'x'));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'INVALID_CURSOR' });
    expect(await harness.redis.keys(`${harness.prefix}*${id}*`)).toEqual([]);
  });

  it.each(['text/plain', 'application/json'])('has no meaning for %s', async (accept) => {
    const id = await answeredJob();
    for (const cursor of ['1-1', 'x']) {
      const headers = { accept, 'content-type': 'application/json', ...again(id, cursor) };
      const answer = await rawRequest(`${node.url}/jobs`, { headers, body: JSON.stringify(BODY) });
      expect(answer.status).toBe(accept === 'text/plain' ? 200 : 202);
      expect(answer.bytes.toString()).toContain('ab');
    }
  });
});

describe('a POST with Last-Event-ID that makes a new job', () => {
  // also ids that the new job has had by then: they were another job's
  it.each([
    ['chosen', '1-2'],
    ['chosen', '0-1'],
    ['made by the server', '1-2'],
    ['made by the server', '0-1'],
  ])('starts with a reset, since no reader can have its events (id %s, cursor %s)', async (whose, cursor) => {
    const chosen: Record<string, string> = whose === 'chosen' ? { 'x-request-id': newRequestId() } : {};
    const headers = { ...chosen, 'last-event-id': cursor };
    await using stream = await readSse(`${node.url}/jobs`, { body: BODY, headers });
    await harness.answer(stream.response.headers.get('x-request-id') ?? '', ['new']);
    const events = await stream.collect();
    expect(events[0]).toMatchObject({ id: '0-0', event: 'reset', data: { reason: 'log-lost' } });
    expect(events.slice(1).map(({ event }) => event)).toEqual(['accepted', 'started', 'message', 'done']);
  });

  it('needs no reset for the cursor before all events', async () => {
    await using stream = await readSse(`${node.url}/jobs`, { body: BODY, headers: { 'last-event-id': '0-0' } });
    expect((await stream.take(1))[0]).toMatchObject({ id: '0-1', event: 'accepted' });
  });
});
