import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import type { Interrupt, ThreadRef } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import { scriptsOf } from '../redis/thread-scripts.ts';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import { ThreadHarness } from '../testing/thread-harness.ts';
import type { Checkpoints } from './ports.ts';
import { RedisCheckpoints } from './redis-checkpoints.ts';

let server: TestRedis;
let d: ThreadHarness;
let states: CheckpointHarness;
let checkpoints: RedisCheckpoints;
beforeAll(async () => {
  server = await startRedis();
  d = ThreadHarness.single(server.url);
  states = new CheckpointHarness(server.url, { prefix: d.prefix });
  checkpoints = new RedisCheckpoints(states.table);
});
afterAll(async () => {
  await states[Symbol.asyncDispose]();
  await d[Symbol.asyncDispose]();
  await server.stop();
});

const STEPS = {
  reserve: [9, 'thread'],
  renew: [9, 'thread'],
  copy: [9, 'thread'],
  publish: [9, 'thread'],
  create: [9, 'thread'],
} as const;

const QUESTIONS: Interrupt[] = [{ interruptId: 'q1', value: 'sure?' }];

/** A thread of `chat`, with this many messages. */
async function conversation(count: number): Promise<ThreadRef> {
  const ref = d.newRef();
  await d.threads.create(ref, { metadata: { k: 'v' } });
  await d.enter(ref, 'a');
  await d.claim(
    ref,
    'a',
    1,
    Array.from({ length: count - 1 }, (_, i) => `${i} ${'x'.repeat(3_000)}`),
  );
  await d.leave(ref, 'a', 'completed', 'said');
  return ref;
}

/** Lets a job store a state. @returns the checkpoint's id */
async function step(ref: ThreadRef, jobId: string, text: string): Promise<string> {
  const head = (await d.threads.get(ref))?.head ?? undefined;
  const saver = states.saver({ ref, jobId, attempt: 1, leaseToken: 'token-1' });
  const values = { channel_values: { text }, channel_versions: { text: 1 } };
  const checkpoint = { ...emptyCheckpoint(), id: uuid6(0), ...values };
  const config = { configurable: { thread_id: ref, ...(head && { checkpoint_id: head }) } };
  await saver.put(config, checkpoint, { source: 'loop', step: 1, parents: {} }, { text: 1 });
  return checkpoint.id;
}

function fork(from: ThreadRef, to: ThreadRef, checkpointId?: string, copying: Pick<Checkpoints, 'copy'> = checkpoints) {
  const readState = checkpoints.readState.bind(checkpoints);
  const copy = copying.copy.bind(copying);
  return d.threads.fork({ from, to, checkpointId, checkpoints: { copy, readState } });
}

describe('a fork', () => {
  it('has the conversation and the metadata of its thread, and goes its own way', async () => {
    const from = await conversation(1_001);
    const to = d.newRef();
    expect(await fork(from, to)).toBe('forked');
    const all = { from: 0, limit: 2_000 };
    expect(await d.threads.messages(to, all)).toEqual(await d.threads.messages(from, all));
    const [original, copy] = await Promise.all([d.threads.get(from), d.threads.get(to)]);
    expect(copy).toMatchObject({ status: 'idle', activeJob: null, lastJob: null, metadata: { k: 'v' }, turn: 0 });
    // what the thread has of its job is not copied
    expect((original?.bytes ?? 0) - (copy?.bytes ?? 0)).toBe(100);
    expect(await d.redis.hget(d.jobKeys.storedBytesOf('default'), `thread:${copy?.threadId}`)).toBe(`${copy?.bytes}`);
    expect(await d.redis.exists(d.keys.forking(to))).toBe(0);
    expect(await d.enter(to, 'b')).toBe('run');
    await d.claim(to, 'b', 1, ['only here']);
    expect((await d.threads.messages(from, all)).length).toBe(1_001);
    expect((await d.threads.messages(to, all)).length).toBe(1_002);
  });

  it('begins at the head, with its questions, or at a checkpoint', async () => {
    const from = d.newRef();
    await d.enter(from, 'a');
    await d.claim(from, 'a');
    const first = await step(from, 'a', 'first');
    const second = await step(from, 'a', 'second');
    await d.threads.leave({ ref: from, jobId: 'a', status: 'interrupted', interrupts: QUESTIONS });
    const [atHead, earlier] = [d.newRef(), d.newRef()];
    expect([await fork(from, atHead), await fork(from, earlier, first)]).toEqual(['forked', 'forked']);
    expect(await d.threads.get(atHead)).toMatchObject({ status: 'interrupted', head: second, interrupts: QUESTIONS });
    expect(await d.threads.get(earlier)).toMatchObject({ status: 'idle', head: first, interrupts: [] });
    expect((await checkpoints.readState(earlier))?.values).toEqual({ text: 'first' });
    expect(await d.enter(atHead, 'b', { kind: 'resume' })).toBe('run');
    expect(await d.threads.get(from)).toMatchObject({ status: 'interrupted', head: second });
    // a job that has the turn has not moved it yet: the questions come along
    expect(await d.enter(from, 'b', { kind: 'resume' })).toBe('run');
    await d.claim(from, 'b');
    const [unmoved, moved] = [d.newRef(), d.newRef()];
    await fork(from, unmoved);
    const third = await step(from, 'b', 'third');
    await fork(from, moved);
    expect(await d.threads.get(unmoved)).toMatchObject({ status: 'interrupted', head: second });
    expect(await d.threads.get(moved)).toMatchObject({ status: 'idle', head: third });
  });

  it('is refused without a trace', async () => {
    const [from, to] = [await conversation(3), d.newRef()];
    expect(await fork(d.newRef(), to)).toBe('unknown-thread');
    expect(await fork(from, to, 'no-such-checkpoint')).toBe('unknown-checkpoint');
    expect(await fork(from, from)).toBe('exists');
    expect(await d.redis.exists(...d.keys.ofThread(to))).toBe(0);
    await d.threads.create(to);
    expect(await fork(from, to)).toBe('exists');
    expect(await d.threads.messages(to, { from: 0, limit: 9 })).toEqual([]);
  });

  it('is made once of many that are asked for at once', async () => {
    const sources = await Promise.all(Array.from({ length: 6 }, (_, i) => conversation(10 + i)));
    const to = d.newRef();
    const outcomes = await Promise.all(sources.map((from) => fork(from, to)));
    expect(outcomes.filter((outcome) => outcome === 'forked')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'exists')).toHaveLength(5);
    const winner = sources[outcomes.indexOf('forked')] as ThreadRef;
    const all = { from: 0, limit: 100 };
    expect(await d.threads.messages(to, all)).toEqual(await d.threads.messages(winner, all));
  });

  it('keeps others off its thread until it is whole, and leaves nothing when it fails', async () => {
    const [from, another] = [await conversation(3), await conversation(3)];
    await d.enter(from, 'b');
    await d.claim(from, 'b');
    await step(from, 'b', 'state');
    const to = d.newRef();
    const meanwhile: unknown[] = [];
    const failing = async () => {
      meanwhile.push(await d.enter(to, 'early'), await d.threads.get(to), await fork(another, to));
      await expect(d.threads.create(to)).rejects.toMatchObject({ code: 'THREAD_BUSY' });
      await expect(d.threads.expect(to, 'later')).rejects.toMatchObject({ code: 'THREAD_BUSY' });
      throw new Error('Redis is away');
    };
    await expect(fork(from, to, undefined, { copy: failing })).rejects.toThrow('Redis is away');
    expect(meanwhile).toEqual(['busy', null, 'exists']);
    expect(await d.redis.exists(...d.keys.ofThread(to))).toBe(0);
    expect(await fork(from, to)).toBe('forked');
  });

  it('gives up when a process has died in the middle: the next one begins afresh', async () => {
    const [from, to] = [await conversation(3), d.newRef()];
    await d.redis.rpush(d.keys.messages(to), 'left behind');
    await d.redis.hset(d.keys.record(to), 'head', 'left behind', 'bytes', 11);
    expect(await fork(from, to)).toBe('forked');
    expect(await d.threads.get(to)).toMatchObject({ head: null });
    expect((await d.threads.messages(to, { from: 0, limit: 9 })).length).toBe(3);
    const other = d.newRef();
    await d.redis.hset(d.keys.record(other), 'head', 'left behind', 'bytes', 11);
    await d.enter(other, 'a');
    expect(await d.threads.get(other)).toMatchObject({ head: null });
  });

  it('is begun afresh at once by the same request, when a node has died in the middle', async () => {
    const from = await conversation(3);
    await d.enter(from, 'b');
    await d.claim(from, 'b', 1, ['asked']);
    const checkpoint = await step(from, 'b', 'state');
    const to = d.newRef();
    const [stuck, resume] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const stopsMidway: Checkpoints['copy'] = async (...of) => {
      stuck.resolve();
      await resume.promise;
      return checkpoints.copy(...of);
    };
    const died = fork(from, to, undefined, { copy: stopsMidway });
    await stuck.promise;
    expect(await fork(from, to, checkpoint)).toBe('exists');
    expect(await fork(from, to)).toBe('forked');
    const all = { from: 0, limit: 9 };
    const whole = [await d.threads.get(to), await d.threads.messages(to, all)];
    expect(whole).toEqual([expect.objectContaining({ head: checkpoint }), await d.threads.messages(from, all)]);
    // it was only slow: it writes nothing that is not there
    resume.resolve();
    expect(await died).toBe('exists');
    expect([await d.threads.get(to), await d.threads.messages(to, all)]).toEqual(whole);
    expect(await fork(from, to)).toBe('exists');
  });

  it('is made once of many equal requests at once', async () => {
    const from = await conversation(40);
    const to = d.newRef();
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => fork(from, to)));
    expect(outcomes.toSorted()).toEqual([...Array(5).fill('exists'), 'forked']);
    const all = { from: 0, limit: 100 };
    expect(await d.threads.messages(to, all)).toEqual(await d.threads.messages(from, all));
    expect(await d.redis.exists(d.keys.forking(to))).toBe(0);
  });

  it('takes each of its steps once, however often that is sent, and none that is another’s', async () => {
    const [ref, retention] = [d.newRef(), 60_000];
    const keys = d.keys.ofThread(ref);
    const run = scriptsOf(d.redis, 'thread', STEPS);
    const twice = async (step: keyof typeof STEPS, ...args: (string | number)[]) => [
      await run(step, keys, args),
      await run(step, keys, args),
    ];
    expect(await twice('reserve', 'mine', retention, 'my')).toEqual([1, 1]);
    expect(await twice('reserve', 'other', retention, 'o')).toEqual([0, 0]);
    expect([await twice('renew', 'mine', retention), await twice('renew', 'other', retention)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    expect(await twice('copy', 'mine', retention, 0, '{"n":1}', '{"n":2}')).toEqual([1, 1]);
    expect(await twice('copy', 'other', retention, 2, '{"n":3}')).toEqual([0, 0]);
    expect(await d.redis.llen(d.keys.messages(ref))).toBe(2);
    expect(await twice('publish', retention, 'other', '{}', '', '', '')).toEqual([-1, -1]);
    const [bytes, again] = await twice('publish', retention, 'mine', '{}', '', '', '');
    expect([again, Number(bytes) > 0]).toEqual([bytes, true]);
    const made = d.keys.ofThread(d.newRef());
    const create = () => run('create', made, [retention, '{"k":"v"}', 'token']);
    expect([await create(), await create()]).toEqual([1, 1]);
  });

  it('starts again when a job is undone meanwhile', async () => {
    const from = d.newRef();
    await d.enter(from, 'a');
    await d.claim(from, 'a', 1, ['one']);
    await step(from, 'a', 'one');
    await d.leave(from, 'a', 'completed', 'ok');
    const head = (await d.threads.get(from))?.head;
    await d.enter(from, 'b');
    await d.claim(from, 'b', 1, ['two']);
    await step(from, 'b', 'two');
    let isFirst = true;
    const copy: Checkpoints['copy'] = async (...of) => {
      if (isFirst) {
        await d.enter(from, 'c', { onBusy: 'rollback' });
        await d.leave(from, 'b', 'cancelled', 'half');
      }
      isFirst = false;
      return checkpoints.copy(...of);
    };
    const to = d.newRef();
    expect(await fork(from, to, undefined, { copy })).toBe('forked');
    expect((await d.threads.messages(to, { from: 0, limit: 9 })).map(({ content }) => content)).toEqual(['one', 'ok']);
    expect(await d.threads.get(to)).toMatchObject({ head });
  });
});
