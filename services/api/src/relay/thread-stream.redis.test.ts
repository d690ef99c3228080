import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@millrace/contracts';
import type { JobCanceller } from '@millrace/stream-log';
import { eventually, MessageLoss, readSse, type SseEvent, startFaultProxy } from '@millrace/testing';
import type { ThreadTopics } from '@millrace/threads';
import { ApiHarness, finish, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';
import { TestThread } from '../testing/test-thread.ts';
import { JOB_CANCELLER, SUBSCRIBERS, THREAD_TOPICS } from '../tokens.ts';
import { OpenStreams } from './open-streams.ts';

let harness: ApiHarness;
let node: TestNode;
let other: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node();
  other = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const thread = () => new TestThread(harness).create();
const idsOf = (events: readonly SseEvent[]) => events.map(({ id }) => id);
const jobsOf = (events: readonly SseEvent[]) => [...new Set(events.map(({ id }) => id?.split('/')[0]))];
const isEndOf = (jobId: string) => (event: SseEvent) =>
  ['done', 'cancelled', 'error'].includes(event.event) && event.id?.startsWith(`${jobId}/`) === true;
const topicsOf = (at: TestNode) => at.api.nest.get<ThreadTopics>(THREAD_TOPICS);
const resumeAfter = (at: TestNode, of: TestThread, cursor: string | undefined) =>
  readSse(of.streamOf(at), { headers: { 'last-event-id': cursor ?? '' } });
/** When a reader of the thread on this node waits for its next turn. */
const waits = (at: TestNode, of: TestThread) => eventually(() => topicsOf(at).waitingFor(of.ref) > 0);

/** Gives the turn to a new job, and begins it. */
async function begin(of: TestThread, at = node) {
  const id = await submit(at);
  await of.enter(id);
  return { id, writer: await harness.begin(id) };
}

/** Runs a job of a thread from beginning to end. @returns its id */
async function turn(of: TestThread, deltas: readonly string[]): Promise<string> {
  const { id, writer } = await begin(of);
  await say(writer, deltas);
  await finish(writer);
  await of.leave(id);
  return id;
}

describe('GET /threads/:id/stream (PROTOCOL §10)', () => {
  it('gives two devices on two nodes the same, job after job', async () => {
    const of = await thread();
    await using a = await readSse(of.streamOf(node));
    await using b = await readSse(of.streamOf(other));
    const jobs = [await turn(of, ['a', 'b']), await turn(of, ['c']), await turn(of, [])];
    await Promise.all([a, b].map((device) => device.until(isEndOf(jobs[2] ?? ''))));
    expect(idsOf(a.events)).toEqual(idsOf(b.events));
    expect(jobsOf(a.events)).toEqual(jobs);
    expect(a.events.filter(({ event }) => event === 'accepted')).toHaveLength(3);
    expect(a.text()).toBe('abc');
  });

  it('resumes on another node after every event over three jobs, without gap or repeat', async () => {
    const of = await thread();
    await using whole = await readSse(of.streamOf(node));
    await turn(of, ['a', 'b']);
    await turn(of, ['c']);
    const { id, writer } = await begin(of);
    await say(writer, ['d']);
    await whole.until(({ data }) => data.text === 'd');
    const cursors = idsOf(whole.events);
    const readers = await Promise.all(cursors.map((cursor) => resumeAfter(other, of, cursor)));
    await say(writer, ['e']);
    await finish(writer);
    await whole.until(isEndOf(id));
    const all = idsOf(whole.events);
    for (const [index, reader] of readers.entries()) {
      await reader.until(isEndOf(id));
      expect(idsOf(reader.events)).toEqual(all.slice(index + 1));
      await reader.close();
    }
  });

  it('begins with the whole of the job that runs, and says nothing of those before', async () => {
    const of = await thread();
    await turn(of, ['before']);
    const { id, writer } = await begin(of);
    await say(writer, ['a']);
    await using late = await readSse(of.streamOf(other));
    await late.take(3);
    expect(idsOf(late.events)).toEqual([`${id}/0-1`, `${id}/1-1`, `${id}/1-2`]);
  });

  it('begins with the next job where none runs', async () => {
    const of = await thread();
    await turn(of, ['before']);
    await using stream = await readSse(of.streamOf(other));
    const id = await turn(of, ['a']);
    await stream.until(isEndOf(id));
    expect(jobsOf(stream.events)).toEqual([id]);
  });

  it('gives a waiting job with its turn, and one that was cancelled as it waited after the job that ran', async () => {
    const of = await thread();
    await using stream = await readSse(of.streamOf(other));
    const { id: running, writer } = await begin(of);
    const [waiting, dropped] = [await submit(node), await submit(node)];
    expect([await of.enter(waiting), await of.enter(dropped)]).toEqual(['wait', 'wait']);
    await node.api.nest.get<JobCanceller>(JOB_CANCELLER).cancel(refOf(dropped), 'owner');
    await of.leave(dropped, 'cancelled');
    await say(writer, ['a']);
    await stream.until(({ data }) => data.text === 'a');
    expect(jobsOf(stream.events)).toEqual([running]);
    await finish(writer);
    expect(await of.leave(running)).toBe(waiting);
    await harness.answer(waiting, ['b']);
    await stream.until(isEndOf(waiting));
    expect(jobsOf(stream.events)).toEqual([running, dropped, waiting]);
  });

  it('gives jobs that ended while the reader was away whole and in order', async () => {
    const of = await thread();
    const [first, second, third] = [await turn(of, ['a']), await turn(of, ['b']), await turn(of, ['c'])];
    await using stream = await resumeAfter(node, of, `${first}/1-2`);
    await stream.until(isEndOf(third));
    expect(idsOf(stream.events)).toEqual([
      `${first}/1-3`,
      ...[second, third].flatMap((id) => ['0-1', '1-1', '1-2', '1-3'].map((event) => `${id}/${event}`)),
    ]);
  });

  it('waits after the end of the last job, and has no 204', async () => {
    const of = await thread();
    const id = await turn(of, ['a']);
    await using stream = await readSse(`${of.streamOf(node)}?lastEventId=${id}/1-3`);
    const next = await turn(of, ['b']);
    await stream.until(isEndOf(next));
    expect(jobsOf(stream.events)).toEqual([next]);
  });

  it.each([
    ['that is new', async () => undefined],
    ['that is idle', (of: TestThread) => turn(of, ['before'])],
    ['that is busy', async (of: TestThread) => void (await of.enter(await submit(node)))],
  ])('names a cursor before the first event, in a thread %s: nothing that comes is lost', async (_, before) => {
    const of = await thread();
    await before(of);
    const answer = await fetch(of.streamOf(node));
    const cursor = answer.headers.get('last-event-id') ?? '';
    await answer.body?.cancel();
    const active = await of.activeJob();
    if (active !== null) {
      await harness.answer(active, ['running']);
      await of.leave(active);
    }
    const next = await turn(of, ['next']);
    await using stream = await resumeAfter(other, of, cursor);
    await stream.until(isEndOf(next));
    expect(stream.text()).toBe(active === null ? 'next' : 'runningnext');
  });

  it('ends with its thread, after the end of the job that ran', async () => {
    const of = await thread();
    await using stream = await readSse(of.streamOf(node));
    await using idle = await readSse((await thread()).streamOf(node));
    const { id } = await begin(of);
    await stream.take(2);
    await node.api.nest.get<JobCanceller>(JOB_CANCELLER).cancel(refOf(id), 'owner');
    await harness.redis.unlink(...harness.keys.ofJob(refOf(id)));
    await of.leave(id, 'cancelled');
    await of.erase();
    expect(await stream.ended).toBe('clean');
    expect(stream.events.at(-1)).toMatchObject({ id: `${id}/1-2`, event: 'cancelled' });
    expect((await fetch(of.streamOf(node))).status).toBe(404);
    expect(idle.events).toEqual([]);
  });

  it('says no more than the end of the job that ran while its thread is erased job by job', async () => {
    const of = await thread();
    await using stream = await readSse(of.streamOf(node));
    const { id } = await begin(of);
    const waiting = [await submit(node), await submit(node)];
    for (const job of waiting) await of.enter(job);
    await stream.take(2);
    const canceller = node.api.nest.get<JobCanceller>(JOB_CANCELLER);
    for (const job of [...waiting, id]) {
      await canceller.cancel(refOf(job), 'owner');
      await of.leave(job, 'cancelled');
      await harness.redis.unlink(...harness.keys.ofJob(refOf(job)));
    }
    await stream.until(isEndOf(id));
    await of.erase();
    expect(await stream.ended).toBe('clean');
    expect(stream.events.map(({ event }) => event)).toEqual(['accepted', 'started', 'cancelled']);
  });

  it('is told of no loss while its thread is being erased, however long that takes', async () => {
    const of = await thread();
    await using stream = await readSse(of.streamOf(node));
    const { id } = await begin(of);
    const next = await submit(node);
    await of.enter(next);
    await stream.take(2);
    await of.announceErasure();
    const canceller = node.api.nest.get<JobCanceller>(JOB_CANCELLER);
    await canceller.cancel(refOf(next), 'owner');
    await harness.redis.unlink(...harness.keys.ofJob(refOf(next)));
    await canceller.cancel(refOf(id), 'owner');
    // the turn of a job that is gone
    expect(await of.leave(id, 'cancelled')).toBe(next);
    await stream.until(isEndOf(id));
    // longer than a job may be gone from a thread that stays
    await delay(3_000);
    await of.leave(next, 'cancelled');
    expect(await of.threads.erase(of.ref)).toBe(true);
    expect(await stream.ended).toBe('clean');
    expect(stream.events.map(({ event }) => event)).toEqual(['accepted', 'started', 'cancelled']);
  });

  it('is told of jobs that are lost in a thread whose erasure has failed', async () => {
    const of = await thread();
    await using stream = await readSse(of.streamOf(node));
    const { id } = await begin(of);
    const next = await submit(node);
    await of.enter(next);
    await stream.take(2);
    await of.announceErasure(61_000);
    const canceller = node.api.nest.get<JobCanceller>(JOB_CANCELLER);
    for (const job of [next, id]) await canceller.cancel(refOf(job), 'owner');
    await harness.redis.unlink(...harness.keys.ofJob(refOf(next)));
    expect(await of.leave(id, 'cancelled')).toBe(next);
    await stream.until(({ event }) => event === 'reset');
  });

  it('ends cleanly on every node when the thread is deleted, with what was cancelled', async () => {
    const of = new TestThread(harness);
    const running = await submit(node, {}, { query: 'a', threadId: of.id });
    await using here = await readSse(of.streamOf(node));
    await using there = await readSse(of.streamOf(other));
    await say(await harness.begin(running), ['word']);
    for (let i = 0; i < 3; i += 1) await submit(node, {}, { query: 'b', threadId: of.id });
    for (const reader of [here, there]) await reader.until(({ data }) => data.text === 'word');
    expect((await fetch(`${other.url}/threads/${of.id}`, { method: 'DELETE' })).status).toBe(204);
    for (const reader of [here, there]) {
      expect(await reader.ended).toBe('clean');
      expect(reader.events.find(isEndOf(running))).toMatchObject({ event: 'cancelled', data: { by: 'owner' } });
      expect(reader.events.at(-1)).toMatchObject({ event: 'cancelled' });
      expect(reader.events.some(({ event }) => event === 'reset')).toBe(false);
    }
    expect((await fetch(of.streamOf(node))).status).toBe(404);
  });

  it('ends with its thread, also where another of the same id was made at once', async () => {
    const of = await thread();
    await turn(of, ['a']);
    await using stream = await readSse(of.streamOf(node));
    await of.erase({ publishes: false });
    await of.create();
    expect(await stream.ended).toBe('clean');
  });

  it.each(['an-id-that-nobody-has', 'no.thread', 'x'.repeat(65)])('knows no thread %j', async (id) => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(`${node.url}/threads/${id}/stream`, { method });
      expect(answer.status).toBe(404);
      if (method === 'GET') expect(await answer.json()).toMatchObject({ code: 'THREAD_NOT_FOUND' });
    }
  });

  it.each(['1-1', 'x', '/1-1', 'a-job-of-this-thread/1', 'short/1-1', 'a-job-of-this-thread/01-1'])(
    'refuses the malformed cursor %j',
    async (cursor) => {
      const of = await thread();
      for (const [url, headers] of [
        [`${of.streamOf(node)}?lastEventId=${encodeURIComponent(cursor)}`, {}],
        [of.streamOf(node), { 'last-event-id': cursor }],
      ] as const) {
        const answer = await fetch(url, { headers });
        expect(answer.status).toBe(400);
        expect(await answer.json()).toMatchObject({ code: 'INVALID_CURSOR' });
      }
    },
  );

  it('answers HEAD with the head alone, other methods with 405, and other media types with 400', async () => {
    const of = await thread();
    const head = await fetch(of.streamOf(node), { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-type')).toBe('text/event-stream');
    expect(head.headers.get('content-length')).toBeNull();
    const posted = await fetch(of.streamOf(node), { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    for (const accept of ['text/plain', 'application/json']) {
      const refused = await fetch(of.streamOf(node), { headers: { accept } });
      expect(refused.status).toBe(400);
    }
  });
});

describe('a cursor whose job is gone', () => {
  const reset = (jobId: string) => ({ id: `${jobId}/0-0`, event: 'reset', data: { attempt: 0, reason: 'log-lost' } });

  it.each([
    ['of a job that the thread does not know', async () => newRequestId()],
    ['of a job of another thread', async () => turn(await thread(), ['x'])],
    [
      'of a job that was erased',
      async (of: TestThread) => {
        const id = await turn(of, ['x']);
        await harness.redis.unlink(...harness.keys.ofJob(refOf(id)));
        return id;
      },
    ],
    [
      'of a job whose log has expired',
      async (of: TestThread) => {
        const id = await turn(of, ['x']);
        await harness.redis.unlink(harness.keys.log(refOf(id)));
        return id;
      },
    ],
  ])('%s gives a reset, then what there is, then what comes', async (_, lost) => {
    const of = await thread();
    const cursor = await lost(of);
    const kept = await turn(of, ['a']);
    await using stream = await resumeAfter(other, of, `${cursor}/1-2`);
    const next = await turn(of, ['b']);
    await stream.until(isEndOf(next));
    expect(stream.events[0]).toMatchObject(reset(cursor));
    expect(stream.events.filter(({ event }) => event === 'reset')).toHaveLength(1);
    expect(jobsOf(stream.events.slice(1))).toEqual([kept, next]);
    expect(stream.text()).toBe('ab');
  });

  it('gives the same again to a reader that resumes after the reset', async () => {
    const of = await thread();
    const kept = await turn(of, ['a']);
    const lost = newRequestId();
    await using stream = await resumeAfter(node, of, `${lost}/0-0`);
    await stream.until(isEndOf(kept));
    expect(stream.events[0]).toMatchObject(reset(lost));
    expect(stream.text()).toBe('a');
  });

  it('does not hide that jobs between are lost, and says so once', async () => {
    const of = await thread();
    const ids = [await turn(of, ['a']), await turn(of, ['b']), await turn(of, ['c']), await turn(of, ['d'])];
    const [first = '', lost = '', alsoLost = '', last = ''] = ids;
    await harness.redis.unlink(harness.keys.log(refOf(lost)));
    await harness.redis.unlink(...harness.keys.ofJob(refOf(alsoLost)));
    for (const cursor of [`${first}/1-3`, `${lost}/0-0`]) {
      await using stream = await resumeAfter(node, of, cursor);
      await stream.until(isEndOf(last));
      expect(stream.events[0]).toMatchObject(reset(lost));
      expect(jobsOf(stream.events)).toEqual([lost, last]);
      expect(stream.events.filter(({ event }) => event === 'reset')).toHaveLength(1);
    }
  });

  it('is none where the reader asks for all of the thread', async () => {
    const of = await thread();
    const ids = [await turn(of, ['a']), await turn(of, ['b'])];
    await using stream = await resumeAfter(node, of, '0/0-0');
    await stream.until(isEndOf(ids[1] ?? ''));
    expect(jobsOf(stream.events)).toEqual(ids);
  });

  it('is different from one beyond the end of its job, which is given again', async () => {
    const of = await thread();
    await turn(of, ['before']);
    const id = await turn(of, ['a']);
    await using stream = await resumeAfter(node, of, `${id}/7-1`);
    await stream.until(isEndOf(id));
    expect(stream.events[0]).toMatchObject(reset(id));
    expect(jobsOf(stream.events)).toEqual([id]);
  });
});

describe('readers of a thread', () => {
  it('share the work: 50 on one node', async () => {
    const at = await harness.node();
    const of = await thread();
    const readers = await Promise.all(Array.from({ length: 50 }, () => readSse(of.streamOf(at))));
    await eventually(() => topicsOf(at).waitingFor(of.ref) === 50);
    expect(topicsOf(at).counts).toEqual({ watchers: 50, topics: 1 });
    const calls = async () => {
      const stats = await harness.redis.info('commandstats');
      return Number(/cmdstat_zrange:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await calls();
    const ids = [await turn(of, ['a', 'b']), await turn(of, ['c'])];
    await Promise.all(readers.map((reader) => reader.until(isEndOf(ids[1] ?? ''))));
    await eventually(() => topicsOf(at).waitingFor(of.ref) === 50);
    expect((await calls()) - before).toBeLessThan(20);
    for (const reader of readers) expect(idsOf(reader.events)).toEqual(idsOf(readers[0]?.events ?? []));
    expect(jobsOf(readers[0]?.events ?? [])).toEqual(ids);
    await Promise.all(readers.map((reader) => reader.close()));
    await eventually(() => topicsOf(at).counts.topics === 0);
    await eventually(async () => (await harness.redis.pubsub('NUMSUB', of.channel))[1] === 0);
    expect(at.api.nest.get<{ counts: object }>(SUBSCRIBERS).counts).toEqual({ subscribers: 0, topics: 0 });
  });

  it('find a turn whose wake-up was lost within 2 s', async () => {
    const loss = new MessageLoss((payload) => payload === 'turn');
    await using proxy = await startFaultProxy({ target: Number(new URL(harness.redisUrl).port) });
    proxy.filter(() => loss.filter());
    const at = await harness.node({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
    const of = await thread();
    await using stream = await readSse(of.streamOf(at));
    await waits(at, of);
    const id = await turn(of, ['a']);
    await stream.until(isEndOf(id));
    const next = await turn(of, ['b']);
    await stream.until(isEndOf(next));
    expect(jobsOf(stream.events)).toEqual([id, next]);
    expect(loss.count).toBeGreaterThan(0);
    await of.erase();
    expect(await stream.ended).toBe('clean');
    await at.api.close();
  });

  it('go on after an outage of Redis', async () => {
    await using proxy = await startFaultProxy({ target: Number(new URL(harness.redisUrl).port) });
    const at = await harness.node({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
    const of = await thread();
    await using stream = await readSse(of.streamOf(at));
    await waits(at, of);
    proxy.refuse(true);
    proxy.reset();
    const ids = [await turn(of, ['a']), await turn(of, ['b'])];
    proxy.refuse(false);
    await stream.until(isEndOf(ids[1] ?? ''));
    expect(jobsOf(stream.events)).toEqual(ids);
    await at.api.close();
  });

  it.each([1, 2])('get the job whose turn has the number of one that Redis lost, with %i after it', async (count) => {
    const of = await thread();
    await using stream = await readSse(of.streamOf(node));
    const before = [await turn(of, ['a']), await turn(of, ['b']), await turn(of, ['c'])];
    await stream.until(isEndOf(before[2] ?? ''));
    await of.loseTurns(2);
    const after: string[] = [];
    for (let i = 0; i < count; i += 1) after.push(await turn(of, ['d']));
    await stream.until(isEndOf(after.at(-1) ?? ''));
    expect(jobsOf(stream.events)).toEqual([...before, ...after]);
  });

  it('that have resumed a job are not given it again when its thread changes', async () => {
    const of = await thread();
    const { id, writer } = await begin(of);
    await say(writer, ['a']);
    await using stream = await resumeAfter(node, of, `${id}/1-2`);
    const dropped = await submit(node);
    await of.enter(dropped);
    await of.leave(dropped, 'cancelled');
    await say(writer, ['b']);
    expect(idsOf(await stream.take(1))).toEqual([`${id}/1-3`]);
  });

  it('go on at their own pace: a slow one misses nothing of several long jobs', async () => {
    const of = await thread();
    const response = await fetch(of.streamOf(node)); // nobody reads its body yet
    await waits(node, of);
    const long = 'x'.repeat(300_000);
    const ids: string[] = [];
    for (let i = 0; i < 20; i += 1) ids.push(await turn(of, [long, `${i}`]));
    expect(topicsOf(node).waitingFor(of.ref)).toBe(0);
    await using stream = await readSse(response);
    await stream.until(isEndOf(ids[19] ?? ''));
    expect(jobsOf(stream.events)).toEqual(ids);
    expect(new Set(idsOf(stream.events)).size).toBe(stream.events.length);
    expect(stream.text()).toBe(ids.map((_, i) => `${long}${i}`).join(''));
  });

  it('are sent to other nodes by one that stops, and go on there', async () => {
    const at = await harness.node({ MILLRACE_DRAIN_MS: '100' });
    const [of, idle] = [await thread(), await thread()];
    await using a = await readSse(of.streamOf(at));
    await using b = await readSse(idle.streamOf(at));
    const { id, writer } = await begin(of);
    await say(writer, ['a']);
    await a.until(({ data }) => data.text === 'a');
    await at.api.drain();
    for (const reader of [a, b]) {
      expect(await reader.ended).toBe('clean');
      expect(reader.terminal()).toBeUndefined();
      expect(reader.retryHints.at(-1)).toBeGreaterThanOrEqual(500);
    }
    await at.api.close();
    await using resumed = await resumeAfter(other, of, a.events.at(-1)?.id);
    await say(writer, ['b']);
    await finish(writer);
    await resumed.until(isEndOf(id));
    expect(`${a.text()}${resumed.text()}`).toBe('ab');
  });

  it('get heartbeats while nothing happens, and keep a job alive that is to end without readers', async () => {
    const at = await harness.node({ MILLRACE_HEARTBEAT_MS: '100', MILLRACE_DISCONNECT_GRACE_MS: '300' });
    const of = await thread();
    await using stream = await readSse(of.streamOf(at));
    await eventually(() => stream.comments.length >= 2);
    const creator = await readSse(`${at.url}/jobs`, { body: { query: 'hi', onDisconnect: 'cancel' } });
    const id = creator.response.headers.get('x-request-id') ?? '';
    await of.enter(id);
    await stream.take(1);
    await creator.close();
    const deadline = async () => Number(await harness.redis.zscore(harness.keys.abandonedJobs, refOf(id)));
    const atFirst = await deadline();
    await eventually(async () => (await deadline()) > atFirst + 900);
    expect((await harness.reader.outline(refOf(id)))?.status).toBe('queued');
    await stream.close();
    await eventually(async () => (await harness.reader.outline(refOf(id)))?.status === 'cancelled');
  });

  it('leave nothing behind, wherever they leave', async () => {
    const at = await harness.node();
    const of = await thread();
    const idle = await readSse(of.streamOf(at));
    await waits(at, of);
    await idle.close();
    await begin(of);
    const busy = await readSse(of.streamOf(at));
    await busy.take(2);
    await busy.close();
    await eventually(() => topicsOf(at).counts.topics === 0);
    await eventually(() => at.api.nest.get(OpenStreams).size === 0);
    expect(at.api.nest.get<{ counts: object }>(SUBSCRIBERS).counts).toEqual({ subscribers: 0, topics: 0 });
    const lines = at.log.filter(({ threadId }) => threadId === of.id).map(({ msg }) => msg);
    expect(lines).toEqual(['attached', 'closed', 'attached', 'closed']);
  });
});
