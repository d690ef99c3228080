import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobView, newRequestId, type ThreadView, threadRef } from '@millrace/contracts';
import { eventually, readSse } from '@millrace/testing';
import { ThreadKeys } from '@millrace/threads';
import { ApiHarness, post, refOf, submit, type TestNode } from '../testing/api-harness.ts';
import { Turns } from '../testing/turns.ts';

let harness: ApiHarness;
let node: TestNode;
let other: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000' });
  node = await harness.node();
  other = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const turns = () => new Turns(harness, node);
const statusOf = async (id: string) => (await harness.reader.outline(refOf(id)))?.status;
const endOf = async (id: string) => {
  const stream = await readSse(`${node.url}/jobs/${id}/stream`);
  await stream.ended;
  return stream.terminal();
};
const keysOf = () => harness.storedKeys();

describe('a job of a thread (PROTOCOL §2)', () => {
  it('makes the thread, has the turn, and says so', async () => {
    const of = turns();
    const id = await of.submit();
    expect(await of.get<ThreadView>()).toMatchObject({ id: of.threadId, status: 'busy', activeJob: id, lastJob: null });
    expect((await (await fetch(`${node.url}/jobs/${id}`)).json()) as JobView).toMatchObject({
      threadId: of.threadId,
      output: null,
      interrupts: [],
    });
    const stream = await readSse(`${node.url}/jobs/${id}/stream`);
    await stream.take(1);
    expect(stream.events[0]?.data).toEqual({ id, status: 'queued', threadId: of.threadId });
    await stream.close();
  });

  it('waits for those before it, in order, and is queued when its turn has come', async () => {
    const of = turns();
    const [first, second, third] = [await of.submit(), await of.submit(), await of.submit()];
    expect([await of.isQueued(first), await of.isQueued(second), await of.isQueued(third)]).toEqual([
      true,
      false,
      false,
    ]);
    await of.end(first, await of.begin(first, ['one']));
    expect([await of.isQueued(second), await of.isQueued(third)]).toEqual([true, false]);
    await of.end(second, await of.begin(second, ['two']));
    await of.end(third, await of.begin(third, ['three']));
    expect(await of.get<ThreadView>()).toMatchObject({ status: 'idle', activeJob: null, lastJob: third });
  });

  it('is rejected while another one runs, and leaves nothing in Redis', async () => {
    const of = turns();
    const id = await of.submit();
    const before = await keysOf();
    const counts = async () => [
      await harness.redis.zcard(harness.keys.openJobs),
      await harness.redis.zcard(harness.keys.allJobs),
      await harness.redis.zcard(harness.keys.holders),
      await harness.redis.hget(harness.keys.storedBytesOf('default'), 'total'),
    ];
    const counted = await counts();
    const chosen = newRequestId();
    const headers = { 'x-request-id': chosen, 'idempotency-key': 'once' };
    expect(await of.refused({ onBusy: 'reject' }, headers)).toEqual([409, 'THREAD_BUSY']);
    expect(await of.refused({ onBusy: 'reject' })).toEqual([409, 'THREAD_BUSY']);
    const stream = await post(node, { query: 'x', threadId: of.threadId, onBusy: 'reject' });
    expect(stream.status).toBe(409);
    await stream.text();
    expect(await keysOf()).toEqual(before);
    expect(await counts()).toEqual(counted);
    await of.end(id, await of.begin(id));
    // the same request again is a new one
    expect(await of.submit({ onBusy: 'reject' }, headers)).toBe(chosen);
  });

  it.each([{}, { delayMs: 60_000 }])(
    'is refused while a fork makes its thread, and leaves nothing: %j',
    async (body) => {
      const of = turns();
      const forking = new ThreadKeys(harness.prefix).forking(threadRef('default', of.threadId));
      await harness.redis.set(forking, 'token');
      const headers = { 'x-request-id': newRequestId(), 'idempotency-key': of.threadId };
      expect(await of.refused(body, headers)).toEqual([409, 'THREAD_BUSY']);
      expect(await statusOf(headers['x-request-id'])).toBeUndefined();
      await harness.redis.del(forking);
      expect(await of.submit(body, headers)).toBe(headers['x-request-id']);
    },
  );

  it.each(['interrupt', 'rollback'] as const)(
    'with onBusy %s takes the place of the one that runs, before others',
    async (onBusy) => {
      const of = turns();
      const running = await of.submit();
      await of.begin(running, ['half']);
      const waiting = await of.submit();
      const next = await of.submit({ onBusy });
      expect(await endOf(running)).toMatchObject({ event: 'cancelled', data: { by: 'thread' } });
      expect(await of.isQueued(next)).toBe(true);
      expect(await of.isQueued(waiting)).toBe(false);
      expect(await of.get<ThreadView>()).toMatchObject({ status: 'busy', activeJob: next });
      await of.end(next, await of.begin(next, ['whole']));
      expect(await of.isQueued(waiting)).toBe(true);
      expect(await statusOf(running)).toBe('cancelled');
    },
  );

  it('passes the turn on when it is cancelled: running, about to run, or waiting', async () => {
    const of = turns();
    const ids = [await of.submit(), await of.submit(), await of.submit(), await of.submit()] as const;
    const cancel = (id: string) => fetch(`${other.url}/jobs/${id}`, { method: 'DELETE' });
    await of.begin(ids[0], ['half']);
    await cancel(ids[2]);
    await cancel(ids[0]);
    expect(await of.isQueued(ids[1])).toBe(true);
    await cancel(ids[1]);
    expect(await of.isQueued(ids[3])).toBe(true);
    await fetch(`${node.url}/jobs?status=queued`, { method: 'DELETE' });
    expect(await of.get<ThreadView>()).toMatchObject({ status: 'idle', activeJob: null });
  });

  it('that is sent again keeps its place', async () => {
    const of = turns();
    const [first, second] = [newRequestId(), newRequestId()];
    await of.submit({}, { 'x-request-id': first });
    for (let time = 0; time < 3; time += 1) {
      for (const id of [first, second]) await of.submit({}, { 'x-request-id': id });
    }
    expect(await of.isQueued(second)).toBe(false);
    await of.end(first, await of.begin(first));
    await of.submit({}, { 'x-request-id': first });
    expect(await of.isQueued(first)).toBe(false);
    expect(await of.isQueued(second)).toBe(true);
    await of.end(second, await of.begin(second));
    expect(await of.get<ThreadView>()).toMatchObject({ status: 'idle', lastJob: second });
  });

  it('that starts later blocks nobody meanwhile, and its thread is there', async () => {
    const of = turns();
    const delayed = await of.submit({ delayMs: 3_600_000 });
    expect(await of.get<ThreadView>()).toMatchObject({ status: 'idle', activeJob: null });
    const now = await of.submit();
    expect(await of.get<ThreadView>()).toMatchObject({ status: 'busy', activeJob: now });
    expect(await of.isQueued(now)).toBe(true);
    const { items } = (await (await fetch(`${node.url}/jobs?threadId=${of.threadId}`)).json()) as { items: JobView[] };
    expect(items.map(({ id }) => id)).toEqual([now, delayed]);
  });
});

describe('two requests at once', () => {
  it('never run two jobs, on whatever node they arrive', async () => {
    for (let round = 0; round < 50; round += 1) {
      const of = turns();
      const both = [node, other].map((at) => submit(at, {}, { query: 'hi', threadId: of.threadId }));
      const ids = await Promise.all(both);
      const queued = await Promise.all(ids.map((id) => of.isQueued(id)));
      expect(queued.filter(Boolean)).toHaveLength(1);
      const [first = '', second = ''] = queued[0] ? ids : ids.toReversed();
      await of.end(first, await of.begin(first));
      await of.end(second, await of.begin(second));
    }
  });

  it('with one id and onBusy reject make one job, or none', async () => {
    for (let round = 0; round < 50; round += 1) {
      const of = turns();
      const id = newRequestId();
      const busy = await of.submit();
      const writer = await of.begin(busy);
      const headers = { accept: 'application/json', 'x-request-id': id };
      const body = { query: 'hi', threadId: of.threadId, onBusy: 'reject' };
      const answers = [node, other].map((at) => post(at, body, headers));
      await of.end(busy, writer);
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      const record = await harness.reader.outline(refOf(id));
      if (statuses.includes(202)) {
        expect(record).toMatchObject({ status: 'queued', threadId: of.threadId });
        expect(await of.isQueued(id)).toBe(true);
        expect(await of.get<ThreadView>()).toMatchObject({ activeJob: id });
      } else {
        expect(statuses).toEqual([409, 409]);
        expect(record).toBeNull();
        expect(await of.get<ThreadView>()).toMatchObject({ activeJob: null });
      }
    }
  });

  it('of which one interrupts the job that is just ending run one after the other', async () => {
    for (let round = 0; round < 30; round += 1) {
      const of = turns();
      const running = await of.submit();
      const writer = await of.begin(running, ['a']);
      const [next] = await Promise.all([
        of.submit({ onBusy: round % 2 === 0 ? 'interrupt' : 'rollback' }),
        of.end(running, writer).catch(() => undefined), // the cancel came first
      ]);
      await eventually(() => of.isQueued(next));
      expect(await of.get<ThreadView>()).toMatchObject({ status: 'busy', activeJob: next });
      expect(['completed', 'cancelled']).toContain(await statusOf(running));
      await of.end(next, await of.begin(next));
      expect(await of.get<ThreadView>()).toMatchObject({ status: 'idle', lastJob: next });
    }
  });
});
