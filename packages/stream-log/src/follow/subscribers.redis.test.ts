import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type EventId, type JobRef, jobRef, LOG_START, newRequestId } from '@millrace/contracts';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import type { Redis } from 'ioredis';
import { JobNotFound, LogExpired } from '../errors.ts';
import { type RawJob, RawJobs } from '../log/raw-jobs.ts';
import { DONE, LogHarness, Recorder, say, textOf } from '../testing/log-harness.ts';
import type { Subscribers } from './subscribers.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const TOKENS = Array.from({ length: 40 }, (_, i) => `t${i} `);

/** Writes tokens, one per event, and ends the job. */
async function answer(d: LogHarness, id: JobRef, tokens = TOKENS): Promise<void> {
  const writer = await d.begin(id);
  for (const token of tokens) {
    say(writer, token);
    await writer.flush();
  }
  await writer.done(DONE);
}

/** Waits for the first connection of a node: after it, as after each later one, the log is read once to be sure. */
async function connected(node: Subscribers): Promise<void> {
  await eventually(() => node.ready);
}

describe('a subscriber', () => {
  it('gets every event once and in order: 50 of them on two nodes, early, late and after the end', async () => {
    await using d = LogHarness.single(server.url);
    const [one, two] = [d.node(), d.node()];
    const id = await d.job();
    const early = await Promise.all(Array.from({ length: 50 }, (_, i) => Recorder.follow(i % 2 ? one : two, id)));
    const answered = answer(d, id);
    const late = await Recorder.follow(two, id);
    await answered;
    const after = await Recorder.follow(one, id);
    const log = await d.log(id);
    for (const recorder of [...early, late, after]) expect((await recorder.terminal()).events).toEqual(log);
    expect(textOf(log)).toBe(TOKENS.join(''));
    expect(one.counts).toEqual({ subscribers: 0, topics: 0 });
    expect(two.counts).toEqual({ subscribers: 0, topics: 0 });
  });

  it('resumes on another node after every single event: no gap, no repeat', async () => {
    await using d = LogHarness.single(server.url);
    const nodes = [d.node(), d.node()] as const;
    const id = await d.job();
    const answered = answer(d, id);
    const seen: string[] = [];
    let after: EventId = LOG_START;
    for (let cut = 0; ; cut++) {
      const recorder = new Recorder();
      recorder.room = 1;
      recorder.subscription = await nodes[cut % 2 === 0 ? 0 : 1].attach(id, { after, sink: recorder });
      if (recorder.subscription.alreadyEnded) break;
      await recorder.until(({ events }) => events.length > 0);
      recorder.subscription.close();
      seen.push(...recorder.ids);
      after = recorder.events.at(-1)?.id ?? after;
    }
    await answered;
    expect(seen).toEqual((await d.log(id)).map((event) => event.id));
  });

  it('keeps nothing for a reader that is full, and goes on at its pace (law 10)', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    const id = await d.job();
    const slow = new Recorder();
    slow.room = 3;
    slow.subscription = await node.attach(id, { after: LOG_START, sink: slow });
    const fast = await Recorder.follow(node, id);
    await answer(d, id);
    await fast.terminal();
    const taken = slow.events.length;
    expect(taken).toBeLessThan(10);
    expect(slow.ended).toBeNull();
    slow.room = Number.POSITIVE_INFINITY;
    slow.subscription.resume();
    expect((await slow.terminal()).events).toEqual(await d.log(id));
  });

  it('reads a long log page by page', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    for (let i = 0; i < 1_500; i++) {
      writer.emit({ type: i % 2 ? 'text' : 'reasoning', data: { text: `${i} ` } });
    }
    await writer.done(DONE);
    const recorder = await (await Recorder.follow(d.node(), id)).terminal();
    expect(recorder.events).toEqual(await d.log(id));
  });

  it('that has a place before the job is stored gets all of it without reading the log', async () => {
    await using d = LogHarness.single(server.url);
    const reads = d.connection();
    const node = d.node({ reads });
    await Promise.all([reads.ping(), connected(node)]);
    const asked = jest.spyOn(reads as Redis, 'sendCommand');
    const id = jobRef('default', newRequestId());
    const place = node.expect(id);
    await place.confirmed;
    await d.job({}, id);
    const recorder = new Recorder();
    place.follow(recorder);
    place[Symbol.dispose]();
    await answer(d, id);
    expect((await recorder.terminal()).events).toEqual(await d.log(id));
    expect(asked).not.toHaveBeenCalled();
    expect(node.counts).toEqual({ subscribers: 0, topics: 0 });
  });

  it('that takes its place gets the first event at once, and not twice', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    await connected(node);
    const id = jobRef('default', newRequestId());
    using place = node.expect(id);
    await place.confirmed;
    const recorder = new Recorder();
    place.follow(recorder);
    expect(recorder.ids).toEqual(['0-1']);
    await d.job({}, id);
    await answer(d, id);
    expect((await recorder.terminal()).events).toEqual(await d.log(id));
  });

  it('of a job whose outline is known reads no record, only the log', async () => {
    await using d = LogHarness.single(server.url);
    const reads = d.connection();
    const node = d.node({ reads });
    const outline = await d.reader.outline(await d.job());
    if (outline === null) throw new Error('the job was stored');
    await Promise.all([reads.ping(), connected(node)]);
    const asked = jest.spyOn(reads as Redis, 'sendCommand');
    const recorder = new Recorder();
    await node.follow(outline, { after: LOG_START, sink: recorder });
    await recorder.until(({ types }) => types.includes('accepted'));
    const commands = asked.mock.calls.map(([command]) => command.name);
    expect(commands.filter((name) => name !== 'evalsha' && name !== 'eval')).toEqual([]);
  });

  it('leaves nothing behind when its place is never taken', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    const id = jobRef('default', newRequestId());
    const place = node.expect(id);
    await place.confirmed;
    expect(await d.redis.pubsub('NUMSUB', d.keys.channel(id))).toEqual([d.keys.channel(id), 1]);
    place[Symbol.dispose]();
    await eventually(async () => (await d.redis.pubsub('NUMSUB', d.keys.channel(id)))[1] === 0);
    expect(node.counts).toEqual({ subscribers: 0, topics: 0 });
  });

  it('is refused for an unknown job, and for one whose log has expired', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    await expect(Recorder.follow(node, 'default.no-such-job-here')).rejects.toThrow(JobNotFound);
    const id = await d.job();
    await answer(d, id);
    await d.redis.del(d.keys.log(id));
    await expect(Recorder.follow(node, id)).rejects.toThrow(LogExpired);
    expect(node.counts).toEqual({ subscribers: 0, topics: 0 });
  });

  it('gets nothing when the cursor is the terminal event (aegra #472)', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    await answer(d, id);
    const last = (await d.log(id)).at(-1)?.id ?? LOG_START;
    expect((await Recorder.follow(d.node(), id, last)).subscription?.alreadyEnded).toBe(true);
  });

  it('starts with a reset, and replays the log, when the cursor is beyond its end', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    await answer(d, id);
    const recorder = await (await Recorder.follow(d.node(), id, '7-1')).terminal();
    expect(recorder.events[0]).toEqual({ id: '0-0', type: 'reset', data: '{"attempt":0,"reason":"log-lost"}' });
    expect(recorder.events.slice(1)).toEqual(await d.log(id));
  });
});

describe('a gap', () => {
  it('is mended when messages were lost: a jump, then a later message', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    const id = await d.job();
    const writer = await d.begin(id);
    const recorders = await Promise.all([Recorder.follow(node, id), Recorder.follow(node, id)]);
    for (const recorder of recorders) await recorder.until(({ types }) => types.includes('started'));
    // stored without a publish: lost messages, to the node
    await d.redis.xadd(d.keys.log(id), '1-2', 'text', '{"text":"silent "}');
    await d.redis.hset(d.keys.record(id), 'seq', 2, 'hasOutput', 1);
    const heir = await d.begin(id);
    say(heir, 'heard');
    await heir.done(DONE);
    await expect(writer.done(DONE)).rejects.toThrow();
    for (const recorder of recorders) expect((await recorder.terminal()).events).toEqual(await d.log(id));
  });

  it('is found by the gap detector when the very last message was the lost one (law 6, resumable-stream #47)', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    const id = await d.job();
    await d.begin(id);
    const recorder = await Recorder.follow(node, id);
    await recorder.until(({ types }) => types.includes('started'));
    await d.redis.xadd(d.keys.log(id), '1-2', 'cancelled', '{"by":"owner"}');
    await d.redis.hset(d.keys.record(id), 'seq', 2, 'status', 'cancelled');
    expect((await recorder.terminal()).types.at(-1)).toBe('cancelled');
  });

  it('is mended when the subscriber connection is killed again and again (law 5)', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    const admin = d.connection();
    const id = await d.job();
    const recorders = await Promise.all(Array.from({ length: 5 }, () => Recorder.follow(node, id)));
    const writer = await d.begin(id);
    for (const [i, token] of TOKENS.entries()) {
      say(writer, token);
      await writer.flush();
      if (i % 4 === 0) await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    await writer.done(DONE);
    for (const recorder of recorders) expect((await recorder.terminal()).events).toEqual(await d.log(id));
  });

  it('is found when the channel lost its subscription, which is then renewed', async () => {
    await using d = LogHarness.single(server.url);
    const subscriber = d.connection();
    const node = d.node({ subscriber });
    const id = await d.job();
    const recorder = await Recorder.follow(node, id);
    await recorder.until(({ types }) => types.includes('accepted'));
    await subscriber.unsubscribe(d.keys.channel(id));
    const writer = await d.begin(id);
    await recorder.until(({ types }) => types.includes('started'));
    const subscribers = async () => (await d.redis.call('PUBSUB', 'NUMSUB', d.keys.channel(id))) as [string, number];
    await eventually(async () => (await subscribers())[1] === 1);
    await writer.done(DONE);
    expect((await recorder.terminal()).events).toEqual(await d.log(id));
  });

  it('is mended by a reader whose read of the log failed, once Redis answers', async () => {
    await using d = LogHarness.single(server.url);
    const reads = d.connection();
    const node = d.node({ reads });
    const id = await d.job();
    const recorder = new Recorder();
    recorder.room = 1;
    recorder.subscription = await node.attach(id, { after: LOG_START, sink: recorder });
    await recorder.until(({ types }) => types.includes('accepted'));
    await answer(d, id);
    const gone = once(reads, 'end');
    reads.disconnect();
    await gone;
    recorder.room = Number.POSITIVE_INFINITY;
    recorder.subscription.resume();
    await new Promise(setImmediate);
    await reads.connect();
    expect((await recorder.terminal()).events).toEqual(await d.log(id));
  });

  it('becomes a reset, never a silent hole, when Redis lost the end of the log', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    const id = await d.job();
    const writer = await d.begin(id);
    const recorder = await Recorder.follow(node, id);
    for (const token of ['a', 'b', 'c']) {
      say(writer, token);
      await writer.flush();
    }
    await recorder.until(({ text }) => text === 'abc');
    await d.loseAfter(id, '1-2');
    await d.canceller.cancel(id, 'owner');
    await recorder.terminal();
    const reset = recorder.events.findIndex(({ type }) => type === 'reset');
    expect(recorder.events.slice(reset + 1)).toEqual(await d.log(id));
  });

  it('ends without a terminal event when the log of a finished job expires while it is read', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    const id = await d.job();
    const recorder = new Recorder();
    recorder.room = 1;
    recorder.subscription = await node.attach(id, { after: LOG_START, sink: recorder });
    await recorder.until(({ types }) => types.includes('accepted'));
    await answer(d, id);
    await d.redis.pexpire(d.keys.log(id), 0);
    recorder.room = Number.POSITIVE_INFINITY;
    recorder.subscription.resume();
    await recorder.until(({ ended }) => ended !== null);
    expect([recorder.ended, recorder.types]).toEqual(['closed', ['accepted', 'reset']]);
    expect(node.counts).toEqual({ subscribers: 0, topics: 0 });
  });

  it('ends in reset and error when the job itself is gone from Redis', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    await d.begin(id);
    const recorder = await Recorder.follow(d.node(), id);
    await recorder.until(({ types }) => types.includes('started'));
    await d.redis.del(d.keys.record(id), d.keys.log(id));
    await recorder.terminal();
    expect(recorder.types.slice(-2)).toEqual(['reset', 'error']);
    expect(recorder.ended).toBe('terminal');
  });
});

describe('a reader that is slower than its ended job stays in Redis', () => {
  /** of several pages */
  const LONG = TOKENS.map((token) => token.repeat(1_024));

  /** A job that has ended and left Redis, and a reader that stopped after its first event. */
  async function left(d: LogHarness, restore: (job: RawJob) => Promise<boolean>, isFirstHere = true) {
    const jobs = new RawJobs(d.redis, d.keys);
    const ref = await d.job();
    const recorder = new Recorder();
    recorder.room = 1;
    if (!isFirstHere) await answer(d, ref, LONG);
    const asked = { times: 0 };
    const node = d.node({
      restore: async () => {
        asked.times += 1;
        return restore(archived as RawJob);
      },
    });
    recorder.subscription = await node.attach(ref, { after: LOG_START, sink: recorder });
    await recorder.until(({ types }) => types.includes('accepted'));
    if (isFirstHere) await answer(d, ref, LONG);
    const archived = await jobs.read(ref);
    const whole = await d.log(ref);
    await d.redis.del(d.keys.record(ref), d.keys.log(ref));
    recorder.room = Number.POSITIVE_INFINITY;
    return { ref, node, jobs, recorder, whole, asked };
  }

  it.each([
    ['has heard of its end', true],
    ['came after its end', false],
  ])('reads on when an archive has it: whoever %s', async (_who, isFirstHere) => {
    await using d = LogHarness.single(server.url);
    const jobs = new RawJobs(d.redis, d.keys);
    const { recorder, whole, asked } = await left(d, (job) => jobs.thaw(job, 60_000), isFirstHere);
    // the page that it has may hold more than its first event
    recorder.events.length = 0;
    const from = recorder.subscription?.position;
    recorder.subscription?.resume();
    await recorder.terminal();
    expect(recorder.events).toEqual(whole.slice(whole.findIndex(({ id }) => id === from) + 1));
    expect([recorder.ended, asked.times]).toEqual(['terminal', 1]);
  });

  it('is told that the job is lost when the archive has none', async () => {
    await using d = LogHarness.single(server.url);
    const { recorder } = await left(d, async () => false);
    recorder.subscription?.resume();
    await recorder.until(({ ended }) => ended !== null);
    expect([recorder.ended, recorder.types.slice(-2)]).toEqual(['terminal', ['reset', 'error']]);
  });

  it('is cut off, to come back, when the archive does not answer', async () => {
    await using d = LogHarness.single(server.url);
    const { recorder, node } = await left(d, () => Promise.reject(new Error('away')));
    recorder.subscription?.resume();
    await recorder.until(({ ended }) => ended !== null);
    expect([recorder.ended, recorder.types]).toEqual(['closed', ['accepted']]);
    expect(node.counts).toEqual({ subscribers: 0, topics: 0 });
  });
});

describe('closing a node', () => {
  it('ends its subscribers without a terminal event and leaves no subscription', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    const id = await d.job();
    const recorder = await Recorder.follow(node, id);
    await recorder.until(({ types }) => types.includes('accepted'));
    node.close();
    expect(recorder.ended).toBe('closed');
    expect(node.counts).toEqual({ subscribers: 0, topics: 0 });
    const channels = async () => (await d.redis.call('PUBSUB', 'CHANNELS', d.keys.channel(id))) as string[];
    await eventually(async () => (await channels()).length === 0);
  });
});

describe('what readers were given', () => {
  it('is told with the time at which Redis stored it, and never for what was read from the log', async () => {
    await using d = LogHarness.single(server.url);
    const node = d.node();
    await connected(node);
    const given: number[] = [];
    node.onGiven = (storedAt) => void given.push(storedAt);
    const id = await d.job();
    const waiting = await Recorder.follow(node, id);
    await waiting.until(({ types }) => types.includes('accepted'));
    const before = Date.now();
    await answer(d, id);
    await waiting.terminal();
    const after = Date.now();
    expect(given.length).toBeGreaterThan(1);
    expect(given).toEqual(given.toSorted((one, other) => one - other));
    expect(given[0]).toBeGreaterThan(before - 5);
    expect(given.at(-1)).toBeLessThan(after + 5);

    given.length = 0;
    await (await Recorder.follow(node, id)).terminal();
    expect(given).toEqual([]);
  });
});
