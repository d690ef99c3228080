import { afterAll, describe, expect, it } from '@jest/globals';
import type { RunnableConfig } from '@langchain/core/runnables';
import { ERROR, emptyCheckpoint, INTERRUPT, RESUME, uuid6 } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import { AttemptFenced } from '@millrace/stream-log';
import { startRedis } from '@millrace/testing';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import { CheckpointsTooLarge, WrongThread } from './errors.ts';
import { headIn } from './head.ts';
import type { RedisSaver } from './redis-saver.ts';

const redis = await startRedis();
const harness = new CheckpointHarness(redis.url);

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await redis.stop();
});

const metadata = { source: 'loop', step: 1, parents: {} } as const;

function at(ref: ThreadRef, id?: string, namespace = ''): RunnableConfig {
  return { configurable: { thread_id: ref, checkpoint_ns: namespace, ...(id && { checkpoint_id: id }) } };
}

/** Stores a checkpoint with one channel after a parent. */
function put(saver: RedisSaver, ref: ThreadRef, parent: string | undefined, value: unknown, namespace = '') {
  const checkpoint = { ...emptyCheckpoint(), id: uuid6(0), channel_values: { a: value }, channel_versions: { a: 1 } };
  const config = { ...at(ref, parent, namespace) };
  return saver.put(config, checkpoint, metadata, { a: 1 }).then(() => checkpoint.id);
}

describe('the checkpoints of an attempt', () => {
  it('move the head of its thread, and say which events of the log they cover', async () => {
    const ref = harness.newThread();
    const lease = await harness.claim(ref);
    let seq = 0;
    const saver = harness.saver(lease, async () => ++seq);
    const first = await put(saver, ref, undefined, 'one');
    const second = await put(saver, ref, first, 'two');
    expect(await headIn(harness.table, ref)).toEqual({
      checkpointId: second,
      origin: { job: 'job-1', attempt: 1, seq: 2 },
    });
    const tuple = await saver.getTuple(at(ref));
    expect(tuple?.checkpoint.channel_values).toEqual({ a: 'two' });
    expect(tuple?.metadata).toEqual({ ...metadata, millrace: { job: 'job-1', attempt: 1, seq: 2 } });
    expect(tuple?.parentConfig).toEqual(at(ref, first));
  });

  it('wait until the log has what they cover', async () => {
    const ref = harness.newThread();
    const log = Promise.withResolvers<number>();
    const saver = harness.saver(await harness.claim(ref), () => log.promise);
    const stored = put(saver, ref, undefined, 'one');
    await harness.redis.ping();
    expect(await headIn(harness.table, ref)).toBeNull();
    log.resolve(7);
    const id = await stored;
    expect(await headIn(harness.table, ref)).toEqual({
      checkpointId: id,
      origin: { job: 'job-1', attempt: 1, seq: 7 },
    });
  });

  it('are not stored when the log refuses its events', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref), () => Promise.reject(new AttemptFenced('acme.job-1')));
    await expect(put(saver, ref, undefined, 'one')).rejects.toThrow(AttemptFenced);
    expect(await headIn(harness.table, ref)).toBeNull();
  });

  it('are refused once another attempt has claimed the thread (law 18)', async () => {
    const ref = harness.newThread();
    const zombie = harness.saver(await harness.claim(ref, 1));
    const first = await put(zombie, ref, undefined, 'one');
    const heir = harness.saver(await harness.claim(ref, 2));
    await expect(put(zombie, ref, first, 'late')).rejects.toThrow(AttemptFenced);
    await expect(put(zombie, ref, undefined, 'late', 'node:task')).rejects.toThrow(AttemptFenced);
    await zombie.putWrites(at(ref, first), [['a', 'late']], 'task');
    await expect(zombie.putWrites(at(ref, first), [[INTERRUPT, 'late?']], 'asker')).rejects.toThrow(AttemptFenced);
    const second = await put(heir, ref, first, 'two');
    await expect(put(zombie, ref, second, 'later')).rejects.toThrow(AttemptFenced);
    expect((await headIn(harness.table, ref))?.checkpointId).toBe(second);
    expect((await heir.getTuple(at(ref, first)))?.pendingWrites).toEqual([]);
    expect(await heir.getTuple(at(ref, undefined, 'node:task'))).toBeUndefined();
  });

  it('are stored before a claim or not at all, however the two race (law 18)', async () => {
    await using elsewhere = new CheckpointHarness(redis.url, { prefix: harness.prefix });
    const outcomes = { stored: 0, fenced: 0 };
    for (let round = 0; round < 200; round++) {
      const ref = harness.newThread();
      const old = harness.saver(await harness.claim(ref, 1));
      const first = await put(old, ref, undefined, 'one');
      // the first and the last of eight do not race: each outcome is seen, however quick the machine is
      const isFirst = round % 8 === 0 && (await elsewhere.claim(ref, 2));
      const late = put(old, ref, first, 'late').catch((error: unknown) => error);
      for (let wait = 0; wait < round % 8; wait++) await Promise.resolve();
      if (round % 8 === 7) await late;
      const lease = isFirst || (await elsewhere.claim(ref, 2));
      const head = await headIn(elsewhere.table, ref);
      const outcome = await late;
      if (typeof outcome === 'string') outcomes.stored++;
      else if (outcome instanceof AttemptFenced) outcomes.fenced++;
      expect(head?.checkpointId).toBe(typeof outcome === 'string' ? outcome : first);
      const next = await put(elsewhere.saver(lease), ref, head?.checkpointId, 'two');
      expect((await headIn(harness.table, ref))?.checkpointId).toBe(next);
    }
    expect(outcomes.stored + outcomes.fenced).toBe(200);
    expect(Math.min(outcomes.stored, outcomes.fenced)).toBeGreaterThan(0);
  });

  it('are refused when the head is not their parent: somebody has changed the state meanwhile', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const first = await put(saver, ref, undefined, 'one');
    const edited = await put(harness.saver(), ref, first, 'edited');
    await expect(put(saver, ref, first, 'two')).rejects.toThrow(AttemptFenced);
    expect((await headIn(harness.table, ref))?.checkpointId).toBe(edited);
  });

  it('are stored once when they are sent twice', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const checkpoint = { ...emptyCheckpoint(), channel_values: { a: 'x'.repeat(50_000) }, channel_versions: { a: 1 } };
    await saver.put(at(ref), checkpoint, metadata, { a: 1 });
    const before = await harness.redis.hgetall(harness.keys.checkpoints(ref));
    await saver.put(at(ref), checkpoint, metadata, { a: 1 });
    await saver.putWrites(at(ref, checkpoint.id), [['a', 1]], 'task');
    await saver.putWrites(at(ref, checkpoint.id), [['a', 2]], 'task');
    const { b: _, ...after } = await harness.redis.hgetall(harness.keys.checkpoints(ref));
    const { b: __, ...expected } = before;
    expect(after).toMatchObject(expected);
    expect((await saver.getTuple(at(ref)))?.pendingWrites).toEqual([['task', 'a', 1]]);
  });

  it('take with them what the tasks of their step have written', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const reader = harness.saver();
    const first = await put(saver, ref, undefined, 'one');
    await saver.putWrites(at(ref, first), [['a', 'left']], 'left');
    await saver.putWrites(at(ref, first), [['a', 'right']], 'right');
    expect((await reader.getTuple(at(ref, first)))?.pendingWrites).toEqual([]);
    const second = await put(saver, ref, first, 'two');
    expect(new Set((await reader.getTuple(at(ref, first)))?.pendingWrites)).toEqual(
      new Set([
        ['left', 'a', 'left'],
        ['right', 'a', 'right'],
      ]),
    );
    await saver.putWrites(at(ref, second), [['a', 'next']], 'next');
    // whoever runs the graph reads what it has written
    expect((await saver.getTuple(at(ref)))?.pendingWrites).toEqual([['next', 'a', 'next']]);
    expect((await reader.getTuple(at(ref)))?.pendingWrites).toEqual([['next', 'a', 'next']]);
  });

  it.each([ERROR, INTERRUPT, RESUME])(
    'store what all tasks have written once one of them writes %s',
    async (channel) => {
      const ref = harness.newThread();
      const saver = harness.saver(await harness.claim(ref));
      const reader = harness.saver();
      const first = await put(saver, ref, undefined, 'one');
      await saver.putWrites(at(ref, first), [['a', 'before']], 'before');
      // in a subgraph, whose checkpoint is younger
      const inner = await put(saver, ref, undefined, 'inner', 'asker:task');
      await saver.putWrites(at(ref, inner, 'asker:task'), [[channel, 'asked']], 'asker');
      await saver.putWrites(at(ref, first), [['a', 'after']], 'after');
      expect(new Set((await reader.getTuple(at(ref, first)))?.pendingWrites)).toEqual(
        new Set([
          ['before', 'a', 'before'],
          ['after', 'a', 'after'],
        ]),
      );
      expect((await reader.getTuple(at(ref, inner, 'asker:task')))?.pendingWrites).toEqual([
        ['asker', channel, 'asked'],
      ]);
      const second = await put(saver, ref, first, 'two');
      await saver.putWrites(at(ref, second), [['a', 'later']], 'later');
      expect((await reader.getTuple(at(ref, second)))?.pendingWrites).toEqual([]);
    },
  );

  it('replace what an earlier attempt of the job left of the same task', async () => {
    const ref = harness.newThread();
    const first = harness.saver(await harness.claim(ref, 1));
    const id = await put(first, ref, undefined, 'one');
    await first.putWrites(
      at(ref, id),
      [
        ['a', 1],
        ['a', 2],
        ['b', 3],
      ],
      'task',
    );
    // stores what waits for the next checkpoint
    await first.getTuple(at(ref));
    const second = harness.saver(await harness.claim(ref, 2));
    await second.putWrites(at(ref, id), [['a', 9]], 'task');
    expect((await second.getTuple(at(ref)))?.pendingWrites).toEqual([['task', 'a', 9]]);
  });

  it('hide what an earlier attempt of the job has written in a step that runs again, but its questions and what earlier jobs did', async () => {
    const ref = harness.newThread();
    const other = harness.saver(await harness.claim(ref, 1, 'job-0'));
    const id = await put(other, ref, undefined, 'one');
    await other.putWrites(at(ref, id), [['a', 'of another job']], 'sibling');
    await other.putWrites(at(ref, id), [[RESUME, 'an earlier answer']], 'sibling');
    const first = harness.saver(await harness.claim(ref, 1));
    await first.putWrites(at(ref, id), [['a', 'void']], 'task');
    await first.putWrites(at(ref, id), [[INTERRUPT, 'question?']], 'asker');
    await first.putWrites(at(ref, id), [[RESUME, 'answer']], 'asker');
    const second = harness.saver(await harness.claim(ref, 2));
    const pending = (await second.getTuple(at(ref)))?.pendingWrites;
    expect(new Set(pending)).toEqual(
      new Set([
        ['sibling', 'a', 'of another job'],
        ['asker', INTERRUPT, 'question?'],
        // the job gives its own answer again: a step that has it twice would take it for the next question too
        ['sibling', RESUME, 'an earlier answer'],
      ]),
    );
    expect((await harness.saver().getTuple(at(ref)))?.pendingWrites).toHaveLength(5);
  });

  it('keep what earlier jobs have answered in a list of answers that an attempt has continued', async () => {
    const ref = harness.newThread();
    const earlier = harness.saver(await harness.claim(ref, 1, 'job-0'));
    const id = await put(earlier, ref, undefined, 'one');
    await earlier.putWrites(at(ref, id), [[RESUME, ['one']]], 'asker');
    for (const attempt of [1, 2, 3]) {
      const saver = harness.saver(await harness.claim(ref, attempt));
      expect((await saver.getTuple(at(ref)))?.pendingWrites).toEqual([['asker', RESUME, ['one']]]);
      await saver.putWrites(at(ref, id), [[RESUME, ['one']]], 'asker');
      await saver.putWrites(at(ref, id), [[RESUME, ['one', 'two']]], 'asker');
      expect((await saver.getTuple(at(ref)))?.pendingWrites).toEqual([['asker', RESUME, ['one', 'two']]]);
    }
  });

  it('of a subgraph count no more when its step runs again, and those before that step do', async () => {
    const ref = harness.newThread();
    const first = harness.saver(await harness.claim(ref, 1));
    const inStep = (root: string, namespace: string, parent?: string): RunnableConfig => ({
      configurable: { ...at(ref, parent, namespace).configurable, checkpoint_map: { '': root } },
    });
    const putInStep = async (root: string, namespace: string, parent?: string) => {
      const checkpoint = { ...emptyCheckpoint(), id: uuid6(0) };
      await first.put(inStep(root, namespace, parent), checkpoint, metadata, {});
      return checkpoint.id;
    };
    const one = await put(first, ref, undefined, 'one');
    const kept = await putInStep(one, 'stateful');
    const two = await put(first, ref, one, 'two');
    const half = await putInStep(two, 'stateful', await putInStep(two, 'stateful', kept));
    await putInStep(two, 'node:task');
    const second = harness.saver(await harness.claim(ref, 2));
    expect((await second.getTuple(inStep(two, 'stateful')))?.checkpoint.id).toBe(kept);
    expect(await second.getTuple(inStep(two, 'node:task'))).toBeUndefined();
    // what is asked for by its id is there, and the next job goes on from whatever is the newest
    expect((await second.getTuple(inStep(two, 'stateful', half)))?.checkpoint.id).toBe(half);
    const next = harness.saver(await harness.claim(ref, 1, 'job-2'));
    expect((await next.getTuple(inStep(two, 'stateful')))?.checkpoint.id).toBe(half);
  });

  it('tell the log what they are, and are stored only then', async () => {
    const ref = harness.newThread();
    const places: unknown[] = [];
    const saver = harness.saver(await harness.claim(ref), async (place) => places.push(place));
    await put(saver, ref, undefined, 'one');
    await put(saver, ref, undefined, 'two', 'node:task');
    expect(places).toEqual([
      { namespace: '', source: 'loop' },
      { namespace: 'node:task', source: 'loop' },
    ]);
  });

  it('are of its own thread: another is neither read nor written', async () => {
    const ref = harness.newThread();
    const foreign = harness.newThread();
    const id = await put(harness.saver(), foreign, undefined, 'secret');
    const saver = harness.saver(await harness.claim(ref));
    await expect(saver.getTuple(at(foreign))).rejects.toThrow(WrongThread);
    await expect(saver.list({ configurable: {} }).next()).rejects.toThrow(WrongThread);
    await expect(put(saver, foreign, id, 'mine')).rejects.toThrow(WrongThread);
    await expect(saver.deleteThread(foreign)).rejects.toThrow(WrongThread);
  });

  it('of concurrent subgraphs are all stored', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const root = await put(saver, ref, undefined, 'root');
    const namespaces = Array.from({ length: 20 }, (_, nth) => `worker:${nth}`);
    await Promise.all(
      namespaces.map(async (namespace, nth) => {
        const first = await put(saver, ref, undefined, `first ${nth}`, namespace);
        await put(saver, ref, first, `second ${nth}`, namespace);
      }),
    );
    const states = await Promise.all(namespaces.map((namespace) => saver.getTuple(at(ref, undefined, namespace))));
    expect(states.map((tuple) => tuple?.checkpoint.channel_values['a'])).toEqual(
      namespaces.map((_, nth) => `second ${nth}`),
    );
    expect((await headIn(harness.table, ref))?.checkpointId).toBe(root);
  });

  it('are bounded in bytes; what does not fit leaves nothing behind', async () => {
    await using small = new CheckpointHarness(redis.url, { limits: { maxBytes: 100_000 } });
    const ref = small.newThread();
    const saver = small.saver(await small.claim(ref));
    const first = await put(saver, ref, undefined, 'one');
    const incompressible = Array.from({ length: 20_000 }, () => uuid6(0)).join();
    await expect(put(saver, ref, first, incompressible)).rejects.toThrow(CheckpointsTooLarge);
    // few pieces in Redis, and large for whoever reads it
    await expect(put(saver, ref, first, 'x'.repeat(200_000))).rejects.toThrow(CheckpointsTooLarge);
    await saver.putWrites(at(ref, first), [['a', incompressible]], 'task');
    await expect(put(saver, ref, first, 'two')).rejects.toThrow(CheckpointsTooLarge);
    await expect(saver.putWrites(at(ref, first), [[ERROR, incompressible]], 'task')).rejects.toThrow(
      CheckpointsTooLarge,
    );
    expect((await headIn(small.table, ref))?.checkpointId).toBe(first);
    expect((await small.saver().getTuple(at(ref, first)))?.pendingWrites).toEqual([]);
  });

  it('leave the question of an earlier attempt where its task writes again, and count', async () => {
    const ref = harness.newThread();
    const first = harness.saver(await harness.claim(ref, 1));
    const id = await put(first, ref, undefined, 'one');
    await first.putWrites(at(ref, id), [[INTERRUPT, 'sure?']], 'task');
    const bytes = async () => Number(await harness.redis.hget(harness.keys.record(ref), 'bytes'));
    const before = await bytes();
    const second = harness.saver(await harness.claim(ref, 2));
    await second.putWrites(at(ref, id), [['a', 'x'.repeat(1_000)]], 'task');
    await second.getTuple(at(ref));
    expect(await bytes()).toBeGreaterThan(before + 1_000);
    const channels = (await harness.saver().getTuple(at(ref)))?.pendingWrites?.map(([, channel]) => channel);
    expect(new Set(channels)).toEqual(new Set([INTERRUPT, 'a']));
    expect(await harness.table.pin(ref, 'unknown', 1_000)).toBeNull();
  });

  it('are bounded together: each fits, all of them do not', async () => {
    await using small = new CheckpointHarness(redis.url, { limits: { maxBytes: 100_000 } });
    const ref = small.newThread();
    const saver = small.saver(await small.claim(ref));
    const some = () => Array.from({ length: 1_000 }, () => uuid6(0)).join();
    const second = await put(saver, ref, undefined, some());
    const third = await put(saver, ref, second, some());
    await expect(put(saver, ref, third, some())).rejects.toThrow(CheckpointsTooLarge);
  });

  it('name the pieces that Redis lacks, also within others, and store nothing then', async () => {
    const ref = harness.newThread();
    const lease = await harness.claim(ref);
    const [node, leaf, other] = ['n', 'l', 'o'].map((letter) => letter.repeat(22)) as [string, string, string];
    const { channel_values: _, ...outline } = { ...emptyCheckpoint(), id: uuid6(0) };
    const checkpoint = {
      ...{ namespace: '', parentId: null, rootId: null, needsAncestors: false, outline },
      ...{ metadata: '{}', values: [{ channel: 'a', type: 'json', bytes: 1, names: [node, other] }] },
    };
    const store = (given: Record<string, string>) =>
      harness.table.put(
        ref,
        checkpoint,
        { pieces: new Map(Object.entries(given).map(([name, text]) => [name, Buffer.from(text)])) },
        lease,
      );
    expect(await store({})).toEqual([node, other]);
    expect(await store({ [node]: `N${leaf}`, [other]: 'L"' })).toEqual([leaf]);
    expect(await headIn(harness.table, ref)).toBeNull();
    expect(await store({ [node]: `N${leaf}`, [other]: 'L"', [leaf]: 'L"' })).toEqual([]);
    const fields = await harness.redis.hkeys(harness.keys.checkpoints(ref));
    expect(fields.filter((field) => field.startsWith('p\0'))).toHaveLength(3);
  });

  it('give their bytes to the record of the thread, and take them back when they are erased', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const id = await put(saver, ref, undefined, { text: Array.from({ length: 1_000 }, () => uuid6(0)).join() });
    await saver.putWrites(at(ref, id), [['a', 'x'.repeat(1_000)]], 'task');
    await saver.getTuple(at(ref));
    const bytes = Number(await harness.redis.hget(harness.keys.record(ref), 'bytes'));
    expect(bytes).toBeGreaterThan(38_000);
    expect(bytes).toBeLessThan(45_000);
    await harness.table.erase(ref);
    expect(await harness.redis.hgetall(harness.keys.record(ref))).toEqual({ claim: expect.any(String) });
    expect(await headIn(harness.table, ref)).toBeNull();
  });

  it('expire with the thread', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    await put(saver, ref, undefined, 'one');
    const times = await Promise.all(harness.keys.ofCheckpoints(ref).map((key) => harness.redis.pttl(key)));
    expect(times.every((ms) => ms > 590_000 && ms <= 600_000)).toBe(true);
  });

  it('are there for as long as the job runs, however short the retention is', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const twoWeeksMs = 14 * 86_400_000;
    await harness.redis.pexpire(harness.keys.record(ref), twoWeeksMs);
    const id = await put(saver, ref, undefined, 'one');
    await saver.putWrites(at(ref, id), [['a', 'two']], 'task');
    const times = await Promise.all(harness.keys.ofCheckpoints(ref).map((key) => harness.redis.pttl(key)));
    expect(Math.min(...times)).toBeGreaterThan(0.9 * twoWeeksMs);
  });
});
