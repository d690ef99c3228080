import { on, once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Subscribers } from '@millrace/stream-log';
import { eventually, rawRequest, readAsPython, readSse } from '@millrace/testing';
import { ApiHarness, finish, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';
import { SUBSCRIBERS } from '../tokens.ts';
import { OpenStreams } from './open-streams.ts';

let harness: ApiHarness;
let node: TestNode;
let other: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node({ MILLRACE_HEARTBEAT_MS: '100', MILLRACE_STALL_TIMEOUT_MS: '300' });
  other = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const streamOf = (at: TestNode, id: string) => `${at.url}/jobs/${id}/stream`;
/** The bytes of a stream as they come. */
async function watchRaw(at: TestNode, id: string) {
  const { body } = await fetch(streamOf(at, id));
  let text = '';
  const read = async () => {
    for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) text += piece;
  };
  const beats = () => text.split(': hb\n').length - 1;
  const anotherBeat = () => {
    const before = beats();
    return eventually(() => beats() > before);
  };
  return { text: () => text, anotherBeat, ended: read() };
}

const openStreams = (at: TestNode) => at.api.nest.get(OpenStreams).size;
const subscribersOf = (at: TestNode) => at.api.nest.get<Subscribers>(SUBSCRIBERS);

describe('GET /jobs/:id/stream (PROTOCOL §4)', () => {
  it('resumes after any event on another node, without gap or repeat', async () => {
    const id = await submit(node);
    await harness.answer(id, ['a', 'b', 'c', 'd']);
    await using whole = await readSse(streamOf(node, id));
    const ids = (await whole.collect()).map((event) => event.id ?? '');
    for (const [index, cursor] of ids.slice(0, -1).entries()) {
      await using rest = await readSse(streamOf(other, id), { headers: { 'last-event-id': cursor } });
      expect((await rest.collect()).map((event) => event.id)).toEqual(ids.slice(index + 1));
    }
  });

  it('gives two watchers on two nodes the same events, live', async () => {
    const id = await submit(node);
    await using a = await readSse(streamOf(node, id));
    await using b = await readSse(`${streamOf(other, id)}?lastEventId=0-1`);
    const writer = await harness.begin(id);
    await say(writer, ['x', 'y', 'z']);
    await b.until(({ event }) => event === 'message');
    await finish(writer);
    expect((await a.collect()).slice(1).map((event) => event.id)).toEqual((await b.collect()).map((event) => event.id));
    expect(a.text()).toBe('xyz');
  });

  it('answers 204 when the cursor is the terminal event (aegra #472)', async () => {
    const id = await submit(node);
    await harness.answer(id, ['a']);
    const last = (await harness.reader.outline(refOf(id)))?.lastEventId ?? '';
    const answer = await fetch(streamOf(other, id), { headers: { 'last-event-id': last } });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('x-request-id')).toBe(id);
    await eventually(() => openStreams(other) === 0);
  });

  it.each(['1', '1-', '-1-1', 'x', '1-1 ', '01-1'])('refuses the malformed cursor %j', async (cursor) => {
    const id = await submit(node);
    const answer = await fetch(`${streamOf(node, id)}?lastEventId=${encodeURIComponent(cursor)}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'INVALID_CURSOR' });
  });

  it('sends a reset when the cursor is beyond the end, and replays the log', async () => {
    const id = await submit(node);
    await harness.answer(id, ['a']);
    await using stream = await readSse(streamOf(node, id), { headers: { 'last-event-id': '7-1' } });
    const events = await stream.collect();
    expect(events[0]).toMatchObject({ event: 'reset', data: { reason: 'log-lost' } });
    expect(events.slice(1).map(({ event }) => event)).toEqual(['accepted', 'started', 'message', 'done']);
  });

  it('answers 410 when the log has expired but the record has not', async () => {
    const id = await submit(node);
    await harness.answer(id, ['a']);
    await harness.redis.del(harness.keys.log(refOf(id)));
    const answer = await fetch(streamOf(node, id));
    expect(answer.status).toBe(410);
    expect(await answer.json()).toMatchObject({ code: 'LOG_EXPIRED', requestId: id });
  });

  it.each(['an-id-that-nobody-has', 'x', '1234567890123456'])('knows no job %j', async (id) => {
    const answer = await fetch(streamOf(node, id));
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('sends the whole text of a job that was reset as plain text', async () => {
    const id = await submit(node);
    await say(await harness.begin(id), ['lost']);
    await harness.answer(id, ['found', ' again']);
    const answer = await rawRequest(streamOf(node, id), { headers: { accept: 'text/plain' } });
    expect(answer.end).toBe('clean');
    expect(answer.bytes.toString()).toBe('found again');
  });

  it('resets the connection of an HTTP/1.0 reader, which takes any end for a clean one', async () => {
    const id = await submit(node);
    const writer = await harness.begin(id);
    await say(writer, ['half']);
    const socket = connect(Number(new URL(node.url).port), '127.0.0.1');
    socket.write(`GET /jobs/${id}/stream HTTP/1.0\r\nAccept: text/plain\r\n\r\n`);
    let answer = '';
    for await (const [chunk] of on(socket, 'data')) {
      answer += String(chunk);
      if (answer.endsWith('half')) break;
    }
    const broken = once(socket, 'error').catch((error: unknown) => [error]);
    await writer.fail({ code: 'MODEL_ERROR', message: 'm', retryable: false });
    expect(await broken).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('breaks off rather than let a corrupt log forge frames', async () => {
    const id = await submit(other);
    await harness.redis.xadd(harness.keys.log(refOf(id)), '0-2', 'text', '{}\n\nid: 9-9\nevent: done\ndata: {}');
    const answer = await rawRequest(streamOf(other, id));
    expect(answer.end).toBe('broken');
    expect(answer.bytes.toString()).not.toContain('9-9');
    await eventually(() => other.log.some(({ reason, requestId }) => reason === 'corrupt' && requestId === id));
  });

  it('carries 1 MiB in one delta', async () => {
    const text = 'é\n😀'.repeat(150_000);
    const id = await submit(node);
    await harness.answer(id, [text]);
    await using stream = await readSse(streamOf(other, id));
    await stream.collect();
    expect(stream.text() === text).toBe(true);
  });
});

describe('open streams (PROTOCOL §3)', () => {
  it('send heartbeats while nothing happens', async () => {
    const id = await submit(node);
    await using stream = await readSse(streamOf(node, id));
    await eventually(() => stream.comments.length >= 2);
    expect(new Set(stream.comments)).toEqual(new Set(['hb']));
  });

  it('have no block without data: every blank line ends a frame, as Python’s readers require', async () => {
    const at = await harness.node({ MILLRACE_HEARTBEAT_MS: '100', MILLRACE_DRAIN_MS: '50' });
    const id = await submit(at);
    const [drained, finished] = [await watchRaw(at, id), await watchRaw(other, id)];
    const writer = await harness.begin(id);
    await say(writer, ['a']);
    await drained.anotherBeat();
    await say(writer, ['b']);
    await drained.anotherBeat();
    await at.api.drain();
    await finish(writer);
    for (const raw of [drained, finished]) {
      await raw.ended;
      const events = readAsPython(Buffer.from(raw.text()));
      expect(events.slice(0, 2).map(({ event }) => event)).toEqual(['accepted', 'started']);
      for (const { data } of events) expect(() => JSON.parse(data)).not.toThrow();
    }
    expect(drained.text()).toMatch(/^retry: 1000\n(: hb\n)*id: 0-1\n/);
    expect(drained.text()).toMatch(/\n\n(: hb\n)+retry: \d+\n$/);
  });

  it('release everything when the reader leaves', async () => {
    const id = await submit(other);
    const stream = await readSse(streamOf(other, id));
    await stream.take(1);
    expect(openStreams(other)).toBe(1);
    await stream.close();
    await eventually(() => openStreams(other) === 0);
    expect(other.log.filter(({ requestId }) => requestId === id).map(({ msg }) => msg)).toEqual([
      'accepted',
      'attached',
      'closed',
    ]);
  });

  it('leave no watcher and no topic behind when readers leave mid-stream (law 9)', async () => {
    const at = await harness.node();
    const id = await submit(at);
    const writer = await harness.begin(id);
    const [a, b] = [await readSse(streamOf(at, id)), await readSse(streamOf(at, id))];
    await say(writer, ['x']);
    await Promise.all([a, b].map((stream) => stream.until(({ event }) => event === 'message')));
    expect(subscribersOf(at).counts).toEqual({ subscribers: 2, topics: 1 });
    await a.close();
    await eventually(() => subscribersOf(at).counts.subscribers === 1);
    await b.close();
    await eventually(() => subscribersOf(at).counts.topics === 0);
    expect(subscribersOf(at).counts).toEqual({ subscribers: 0, topics: 0 });
  });

  it('leave none behind when the reader is gone before it is attached (law 9)', async () => {
    const at = await harness.node();
    const id = await submit(at);
    const subscribers = subscribersOf(at);
    const follow = subscribers.follow.bind(subscribers);
    const [leaving, followed] = [new AbortController(), Promise.withResolvers<void>()];
    jest.spyOn(subscribers, 'follow').mockImplementationOnce(async (...job) => {
      leaving.abort();
      await eventually(() => openStreams(at) === 0);
      const subscription = await follow(...job);
      expect(subscribers.counts).toEqual({ subscribers: 1, topics: 1 });
      followed.resolve();
      return subscription;
    });
    await expect(fetch(streamOf(at, id), { signal: leaving.signal })).rejects.toThrow();
    await followed.promise;
    await eventually(() => subscribers.counts.topics === 0);
    expect(subscribers.counts).toEqual({ subscribers: 0, topics: 0 });
  });

  it('are broken off by a fault of the service, which is logged once, and can be resumed', async () => {
    const at = await harness.node();
    const id = await submit(at);
    await harness.answer(id, ['a']);
    jest.spyOn(at.api.nest.get(OpenStreams), 'relayed').mockImplementationOnce(() => {
      throw new TypeError('a fault that quotes the prompt');
    });
    expect((await rawRequest(streamOf(at, id))).end).toBe('broken');
    await eventually(() => openStreams(at) === 0);
    const lines = at.log.filter(({ level, requestId }) => level === 'error' && requestId === id);
    expect(lines).toMatchObject([{ msg: 'closed', reason: 'failed', err: { type: 'TypeError' } }]);
    expect(JSON.stringify(at.log)).not.toContain('quotes the prompt');
    await using stream = await readSse(streamOf(at, id));
    expect((await stream.collect()).at(-1)).toMatchObject({ event: 'done' });
  });

  it('are cut off when the reader takes nothing, while other readers of the job get everything', async () => {
    const id = await submit(node);
    await using fast = await readSse(streamOf(node, id));
    const slow = connect(Number(new URL(node.url).port), '127.0.0.1');
    await once(slow, 'connect');
    slow.pause();
    slow.write(`GET /jobs/${id}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await eventually(() => openStreams(node) === 2);
    const delta = 'x'.repeat(64 * 1024);
    const writer = await harness.begin(id);
    await say(writer, Array(100).fill(delta));
    await eventually(() => node.log.some(({ reason, requestId }) => reason === 'stalled' && requestId === id));
    await finish(writer);
    await fast.collect();
    expect(fast.text()).toHaveLength(100 * delta.length);
    slow.destroy();
  });
});
