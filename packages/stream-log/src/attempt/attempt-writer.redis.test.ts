import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JobRef } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import type { Redis } from 'ioredis';
import { ChannelHub } from '../channel/channel-hub.ts';
import { JobClosed } from '../errors.ts';
import { scriptsOf } from '../redis/scripts.ts';
import { WriteGate } from '../redis/write-gate.ts';
import { DONE, LogHarness, say, textOf } from '../testing/log-harness.ts';
import { AttemptStarter } from './attempt-starter.ts';
import type { AttemptWriter } from './attempt-writer.ts';
import { CancelListener } from './cancel-listener.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe('a writer', () => {
  it('merges events of one tick, and events that come while an append is in flight', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    for (const token of ['a', 'b']) say(writer, token);
    // the next tick sends it; no reply comes before this tick is over
    await new Promise((resolve) => process.nextTick(resolve));
    for (const token of ['c', 'd']) say(writer, token);
    await Promise.resolve().then(() => say(writer, 'e'));
    await writer.done(DONE);
    const texts = (await d.log(id)).filter(({ type }) => type === 'text').map(({ data }) => data);
    expect(texts).toEqual(['{"text":"ab"}', '{"text":"cde"}']);
  });

  it('stores nothing that an abort overtakes', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'a');
    writer.abort(new JobClosed(id));
    await expect(writer.flush()).rejects.toThrow(JobClosed);
    expect(await d.log(id)).toHaveLength(2);
  });

  it('merges nothing across another event', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'a');
    writer.emit({ type: 'tool_call', data: { callId: '1', name: 't', arguments: '{}' } });
    say(writer, 'b');
    writer.emit({ type: 'reasoning', data: { text: 'r' } });
    writer.emit({ type: 'reasoning', data: { text: 's' } });
    await writer.flush();
    expect((await d.log(id)).slice(2).map(({ type, data }) => `${type} ${data}`)).toEqual([
      'text {"text":"a"}',
      'tool_call {"callId":"1","name":"t","arguments":"{}"}',
      'text {"text":"b"}',
      'reasoning {"text":"rs"}',
    ]);
  });

  it('keeps any text exactly: line ends, separators, emoji split across deltas, NUL, a mebibyte at once', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    const huge = '😀é'.repeat(175_000);
    const deltas = [
      'a\r\n\n\r',
      'data: x\n\nid: 1',
      '\u2028\u2029',
      '\ud83d',
      '\ude00',
      '\0',
      huge,
      '\ud83d',
      '\ude00',
    ];
    for (const delta of deltas) {
      say(writer, delta);
      await writer.flush();
    }
    await writer.done(DONE);
    expect(textOf(await d.log(id))).toBe(deltas.join(''));
    expect(await d.text(id)).toBe(deltas.join(''));
  });

  it('stores an append once that is sent twice, as ioredis does (law 4)', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    await d.begin(id, 'token');
    const run = scriptsOf(d.redis);
    const args = ['PUBLISH', 60_000, 1, 'token', 2, 100, 1000, 'text', '{"text":"once"}'];
    expect(await run('append', d.keys.ofJob(id), args)).toBe(1);
    expect(await run('append', d.keys.ofJob(id), args)).toBe(0);
    expect(textOf(await d.log(id))).toBe('once');
  });

  it('that was taken over cannot write: no id is given twice (law 2, LangGraph #8112)', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const zombie = await d.begin(id);
    say(zombie, 'old');
    await zombie.flush();
    const heir = await d.begin(id);
    say(heir, 'new');
    say(zombie, 'late');
    await expect(zombie.flush()).rejects.toMatchObject({ code: 'ATTEMPT_FENCED' });
    await expect(zombie.done(DONE)).rejects.toMatchObject({ code: 'ATTEMPT_FENCED' });
    await heir.done(DONE);
    const log = await d.log(id);
    expect(textOf(log)).toBe('new');
    expect(log.filter(({ id }) => id.startsWith('1-')).map(({ type }) => type)).toEqual(['started', 'text']);
  });

  it('that reaches the limit of the log stores nothing more and can end the job with an error (law 11)', async () => {
    await using d = LogHarness.single(server.url, { maxBytes: 1_000 });
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'fits');
    await writer.flush();
    say(writer, 'x'.repeat(2_000));
    await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_LIMIT_EXCEEDED' });
    await writer.fail({ code: 'MODEL_ERROR', message: 'too long', retryable: false });
    const log = await d.log(id);
    expect(textOf(log)).toBe('fits');
    expect(log.at(-1)).toMatchObject({ type: 'error' });
  });

  it('that is over its limit reports that, or that somebody else has ended the job', async () => {
    await using d = LogHarness.single(server.url, { maxBytes: 1_000 });
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'x'.repeat(2_000));
    await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_LIMIT_EXCEEDED' });
    await d.canceller.cancel(id, 'owner');
    const failed = writer.fail({ code: 'MODEL_ERROR', message: 'too long', retryable: false });
    await expect(failed).rejects.toMatchObject({ code: 'JOB_CLOSED' });
  });

  it('refuses at once what cannot be written, and continues', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const data = { callId: '1', name: 't', content: circular as unknown as string, isError: false };
    expect(() => writer.emit({ type: 'tool_result', data })).toThrow(TypeError);
    expect(() => say(writer, ['no text'] as unknown as string)).toThrow(TypeError);
    say(writer, 'goes on');
    await writer.done(DONE);
    expect(textOf(await d.log(id))).toBe('goes on');
  });

  it('notices with its next append that Redis lost acknowledged events, and gives the job back', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    for (const token of ['a', 'b', 'c']) {
      say(writer, token);
      await writer.flush();
    }
    await d.loseAfter(id, '1-2');
    say(writer, 'd');
    await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_LOST' });
    expect(await writer.release('log-lost')).toBe('released');
    const heir = await d.begin(id);
    say(heir, 'abcd');
    await heir.done(DONE);
    const log = await d.log(id);
    expect(log.find(({ type }) => type === 'reset')?.data).toBe('{"attempt":2,"reason":"log-lost"}');
    expect(textOf(log)).toBe('abcd');
  });

  it('notices that the log alone is gone, and leaves no hole', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'first');
    await writer.flush();
    await d.redis.del(d.keys.log(id));
    await expect(writer.done(DONE)).rejects.toMatchObject({ code: 'LOG_LOST' });
    const next = await d.begin(id);
    await d.redis.del(d.keys.log(id));
    say(next, 'second');
    await expect(next.flush()).rejects.toMatchObject({ code: 'LOG_LOST' });
    expect(await next.release('log-lost')).toBe('released');
    const heir = await d.begin(id);
    say(heir, 'whole');
    await heir.done(DONE);
    expect((await d.log(id)).map(({ type }) => type)).toEqual(['reset', 'started', 'text', 'done']);
  });

  it('hands its job over with a reset that gives the reason', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'half');
    await writer.flush();
    expect(await writer.release('handover')).toBe('released');
    expect((await d.reader.outline(id))?.status).toBe('queued');
    say(writer, 'late');
    await d.begin(id);
    const log = await d.log(id);
    expect(log.map(({ type }) => type)).toEqual(['accepted', 'started', 'text', 'reset', 'started']);
    expect(log[3]?.data).toBe('{"attempt":2,"reason":"handover"}');
  });

  it('waits when it is far ahead of Redis', async () => {
    await using d = LogHarness.single(server.url);
    const writer = await d.begin(await d.job());
    say(writer, 'x'.repeat(400_000));
    say(writer, 'x'.repeat(400_000));
    let resolved = false;
    const drained = writer.drained()?.then(() => {
      resolved = true;
    });
    await Promise.resolve();
    expect(resolved).toBe(false);
    await drained;
    await writer.flush();
  });

  it('continues by itself after SCRIPT FLUSH and after its connection was killed', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    const admin = d.connection();
    for (let i = 0; i < 20; i++) {
      say(writer, `${i},`);
      if (i === 5) await admin.call('SCRIPT', 'FLUSH');
      if (i % 5 === 0) await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
    await writer.done(DONE);
    expect(textOf(await d.log(id))).toBe(Array.from({ length: 20 }, (_, i) => `${i},`).join(''));
  });
});

describe('a writer that renews its job', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('does so with its first append, and then once in a hundredth of the time to live', async () => {
    await using d = LogHarness.single(server.url, { unfinishedRetentionMs: 50_000 });
    const id = await d.job();
    const writer = await d.begin(id);
    // a whole number: with a fraction, half a second later may come out as a little less
    const now = Math.round(performance.now());
    const clock = jest.spyOn(performance, 'now').mockReturnValue(now);
    /** @returns whether record and log live for the whole time again after the next append */
    const renewed = async () => {
      const keys = [d.keys.record(id), d.keys.log(id)];
      for (const key of keys) await d.redis.pexpire(key, 20_000);
      say(writer, 'token');
      await writer.flush();
      return Promise.all(keys.map(async (key) => (await d.redis.pttl(key)) > 30_000));
    };
    expect(await renewed()).toEqual([true, true]);
    clock.mockReturnValue(now + 499);
    expect(await renewed()).toEqual([false, false]);
    clock.mockReturnValue(now + 500);
    expect(await renewed()).toEqual([true, true]);
  });
});

describe('the writers of a process', () => {
  /** Writers whose appends go through one gate, and what went through it.
   *  @param holdMs so long that the gate holds at any rate that a slow machine has */
  async function writersOf(d: LogHarness, count: number, holdMs: number) {
    const shared: number[] = [];
    const sent: string[] = [];
    const redis = d.connection() as Redis;
    const send = redis.sendCommand.bind(redis);
    redis.sendCommand = (command, ...rest) => {
      if (command.args.includes('text')) sent.push(String(command.args[2]));
      return send(command, ...rest);
    };
    const together = (sendAll: () => void) => {
      const before = sent.length;
      sendAll();
      shared.push(sent.length - before);
    };
    const gate = new WriteGate({ holdMs, together });
    const starter = new AttemptStarter(redis, d.keys, d.limits, { gate });
    const writers = await Promise.all(
      Array.from({ length: count }, async () => {
        const begun = await starter.begin(await d.job(), crypto.randomUUID());
        if (begun.kind !== 'begun') throw new Error(begun.kind);
        return begun.writer;
      }),
    );
    const timesSent = ({ ref }: AttemptWriter) => sent.filter((key) => key === d.keys.record(ref)).length;
    /** Lets the gate count hundreds of callers, so that it holds the next ones. */
    const busy = async () => {
      for (let caller = 0; caller < 500; caller += 1) gate.pass(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 60));
    };
    return { writers, shared, timesSent, busy };
  }

  it('share writes, and each log has the whole of its answer in its order', async () => {
    await using d = LogHarness.single(server.url);
    const { writers, shared, busy } = await writersOf(d, 24, 20);
    await busy();
    const tokens = Array.from({ length: 60 }, (_, nth) => `${nth},`);
    await Promise.all(
      writers.map(async (writer, nth) => {
        for (const token of tokens) {
          say(writer, token);
          for (let turn = 0; turn <= nth % 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        }
        await writer.done(DONE);
      }),
    );
    for (const { ref } of writers) expect(await d.text(ref)).toBe(tokens.join(''));
    expect(Math.max(...shared)).toBeGreaterThan(4);
  });

  it('send a first token at once, however busy Redis is, and nothing of a job that ends while it waits', async () => {
    await using d = LogHarness.single(server.url);
    const { writers, timesSent, busy } = await writersOf(d, 8, 200);
    const [waiting, ...others] = writers as [AttemptWriter, ...AttemptWriter[]];
    say(waiting, 'first');
    await waiting.flush();
    await server.pause();
    try {
      await busy();
      for (const writer of others) say(writer, 'first');
      say(waiting, 'second');
      await new Promise((resolve) => process.nextTick(resolve));
      expect(others.map(timesSent)).toEqual(others.map(() => 1));
      expect(timesSent(waiting)).toBe(1);
      waiting.abort(new JobClosed(waiting.ref));
      await expect(waiting.flush()).rejects.toThrow(JobClosed);
    } finally {
      await server.resume();
    }
    await Promise.all(others.map((writer) => writer.flush()));
    expect(timesSent(waiting)).toBe(1);
    expect(await d.text(waiting.ref)).toBe('first');
  });
});

describe('the cancel listener (law 7)', () => {
  async function watcherOf(d: LogHarness, redis = d.connection()) {
    const hub = new ChannelHub({ connection: d.connection(), sharded: false });
    const subscriber = new CancelListener(redis, hub, d.keys);
    await subscriber.start();
    return {
      subscriber,
      hub,
      [Symbol.dispose]: () => {
        subscriber.close();
        hub.close();
      },
    };
  }

  it('stops a silent attempt by the control channel alone, as soon as its job is cancelled', async () => {
    await using d = LogHarness.single(server.url);
    const unable = d.connection();
    unable.disconnect();
    using w = await watcherOf(d, unable);
    const id = await d.job();
    const writer = await d.begin(id);
    using _watch = w.subscriber.listenFor(writer);
    const aborted = new Promise<void>((resolve) => writer.signal.addEventListener('abort', () => resolve()));
    await d.canceller.cancel(id, 'owner');
    await aborted;
    expect(writer.signal.reason).toMatchObject({ code: 'JOB_CLOSED' });
  });

  it('notices at once that its job was closed after its begin and before it was watched', async () => {
    await using d = LogHarness.single(server.url);
    const writer = await d.begin(await d.job());
    await d.canceller.cancel(writer.ref, 'owner');
    const aborted = new Promise((resolve) => writer.signal.addEventListener('abort', resolve));
    // nothing else reports it: nobody checks the watched jobs, and no connection is new
    const ticks = jest.spyOn(globalThis, 'setInterval').mockReturnValue(undefined as never);
    using w = await watcherOf(d);
    ticks.mockRestore();
    w.hub.unsubscribe(d.keys.control);
    w.subscriber.listenFor(writer);
    await aborted;
    expect(writer.signal.reason).toMatchObject({ code: 'JOB_CLOSED' });
  });

  it('asks only for jobs that store nothing: a stored append has already asked', async () => {
    await using d = LogHarness.single(server.url);
    const redis = d.connection() as Redis;
    const asked: string[] = [];
    const timesAsked = ({ ref }: AttemptWriter) => asked.filter((key) => key === d.keys.record(ref)).length;
    const thrice = Promise.withResolvers<void>();
    const [silent, talking] = [await d.begin(await d.job()), await d.begin(await d.job())];
    const send = redis.sendCommand.bind(redis);
    redis.sendCommand = (command, ...rest) => {
      if (command.name === 'hmget') asked.push(String(command.args[0]));
      if (timesAsked(silent) === 3) thrice.resolve();
      return send(command, ...rest);
    };
    using w = await watcherOf(d, redis);
    using _silent = w.subscriber.listenFor(silent);
    using _talking = w.subscriber.listenFor(talking);
    const talk = setInterval(() => say(talking, 'x'), 20);
    await thrice.promise;
    clearInterval(talk);
    // once at its beginning; once more, perhaps, where the machine kept an append waiting for as long as a job may be silent
    expect(timesAsked(talking)).toBeLessThan(timesAsked(silent));
  });

  it('finds out by itself when the message was lost, the attempt was taken over, or the record is gone (aegra #528)', async () => {
    await using d = LogHarness.single(server.url);
    using w = await watcherOf(d);
    w.hub.unsubscribe(d.keys.control);
    const attempts = await Promise.all(
      ['JOB_CLOSED', 'ATTEMPT_FENCED', 'LOG_LOST'].map(async (code) => {
        const writer = await d.begin(await d.job());
        return { code, writer };
      }),
    );
    const [cancelled, takenOver, lost] = attempts.map(({ writer }) => writer.ref) as [JobRef, JobRef, JobRef];
    for (const { writer } of attempts) w.subscriber.listenFor(writer);
    await d.canceller.cancel(cancelled, 'owner');
    await d.begin(takenOver);
    await d.redis.del(d.keys.record(lost));
    for (const { code, writer } of attempts) {
      if (!writer.signal.aborted) await new Promise((resolve) => writer.signal.addEventListener('abort', resolve));
      expect(writer.signal.reason).toMatchObject({ code });
    }
  });
});
