import { afterAll, describe, expect, it } from '@jest/globals';
import type { RunnableConfig } from '@langchain/core/runnables';
import { type CheckpointMetadata, DeltaSnapshot, emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import { startRedis } from '@millrace/testing';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import type { RedisSaver } from './redis-saver.ts';

const KEPT = 5;
const redis = await startRedis();
const harness = new CheckpointHarness(redis.url, { limits: { kept: KEPT } });

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await redis.stop();
});

/** Text that shares no piece with another. */
function large(): string {
  return Array.from({ length: 300 }, () => uuid6(0)).join();
}

interface Step {
  readonly id?: string;
  readonly namespace?: string;
  readonly parent?: string;
  readonly root?: string;
  readonly values?: Record<string, unknown>;
  readonly metadata?: Partial<CheckpointMetadata>;
}

async function put(
  saver: RedisSaver,
  ref: ThreadRef,
  { id = uuid6(0), namespace = '', parent, root, values, metadata }: Step = {},
) {
  const channel_values = values ?? { text: large() };
  const channel_versions = Object.fromEntries(Object.keys(channel_values).map((name) => [name, uuid6(0)]));
  const checkpoint = { ...emptyCheckpoint(), id, channel_values, channel_versions };
  const parents = root === undefined ? {} : { '': root };
  const config: RunnableConfig = {
    configurable: { thread_id: ref, checkpoint_ns: namespace, ...(parent && { checkpoint_id: parent }) },
  };
  await saver.put(config, checkpoint, { source: 'loop', step: 0, parents, ...metadata }, channel_versions);
  return checkpoint.id;
}

async function steps(saver: RedisSaver, ref: ThreadRef, count: number, parent?: string): Promise<string[]> {
  const ids: string[] = [];
  for (let nth = 0; nth < count; nth++) {
    const before = ids.at(-1) ?? parent;
    ids.push(await put(saver, ref, before === undefined ? {} : { parent: before }));
  }
  return ids;
}

/** oldest first */
async function kept(ref: ThreadRef, namespace = ''): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of harness.table.names(ref, namespace)) ids.unshift(id ?? '');
  return ids;
}

describe('pruning', () => {
  it('keeps the newest checkpoints, and no byte of the others', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const ids = await steps(saver, ref, 3);
    for (const id of ids) {
      const config = { configurable: { thread_id: ref, checkpoint_ns: '', checkpoint_id: id } };
      await saver.putWrites(config, [['text', 'pending']], 'task');
    }
    ids.push(...(await steps(saver, ref, 20, ids.at(-1))));
    expect(await kept(ref)).toEqual(ids.slice(-KEPT));
    const fresh = harness.newThread();
    await steps(harness.saver(await harness.claim(fresh)), fresh, KEPT);
    const [bytes, ofFresh] = await Promise.all(
      [ref, fresh].map(async (thread) => Number(await harness.redis.hget(harness.keys.record(thread), 'bytes'))),
    );
    // parents are named by all but the first of a thread
    expect(Math.abs(Number(bytes) - Number(ofFresh))).toBeLessThan(Number(ofFresh) / 20);
    const fields = await harness.redis.hkeys(harness.keys.checkpoints(ref));
    expect(fields.filter((field) => field.startsWith('w')).length).toBe(0);
    const [pieces, references] = ['p', 'r'].map((kind) => fields.filter((field) => field.startsWith(`${kind}\0`)));
    expect(pieces?.length).toBe(references?.length);
    for (const id of ids.slice(-KEPT)) {
      const tuple = await saver.getTuple({ configurable: { thread_id: ref, checkpoint_ns: '', checkpoint_id: id } });
      expect(tuple?.checkpoint.channel_values['text']).toHaveLength(300 * 37 - 1);
    }
  });

  it('keeps a value that a kept checkpoint still has, however old it is', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const old = large();
    let parent = await put(saver, ref, { values: { old, n: 0 } });
    for (let n = 1; n < 20; n++) {
      const checkpoint = {
        ...emptyCheckpoint(),
        id: uuid6(0),
        channel_values: { old, n },
        channel_versions: { old: 'first', n },
      };
      const config = { configurable: { thread_id: ref, checkpoint_ns: '', checkpoint_id: parent } };
      await saver.put(
        config,
        checkpoint,
        { source: 'loop', step: n, parents: {} },
        n === 1 ? { old: 'first', n } : { n },
      );
      parent = checkpoint.id;
    }
    const tuple = await saver.getTuple({ configurable: { thread_id: ref, checkpoint_ns: '' } });
    expect(tuple?.checkpoint.channel_values).toEqual({ old, n: 19 });
  });

  it('does not take from a value that comes back when its checkpoints are gone', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const values = { text: large().repeat(30) };
    const first = await put(saver, ref, { values });
    const later = await steps(saver, ref, 2 * KEPT, first);
    expect(await kept(ref)).not.toContain(first);
    const parent = later.at(-1) ?? '';
    await put(saver, ref, { values, parent });
    const tuple = await harness.saver().getTuple({ configurable: { thread_id: ref } });
    expect(tuple?.checkpoint.channel_values).toEqual(values);
  });

  it('keeps the checkpoint from before the running job, for a roll-back', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const [before = ''] = await steps(saver, ref, 1);
    await harness.redis.hset(harness.keys.record(ref), 'before', before);
    const ids = await steps(saver, ref, 20, before);
    expect(await kept(ref)).toEqual([before, ...ids.slice(-KEPT)]);
    await harness.redis.hdel(harness.keys.record(ref), 'before');
    const more = await steps(saver, ref, 1, ids.at(-1));
    expect(await kept(ref)).toEqual([...ids, ...more].slice(-KEPT));
  });

  it('keeps the head, also when the clock of its worker was behind', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const ids = await steps(saver, ref, KEPT);
    const head = await put(saver, ref, { id: '10000000-0000-6000-8000-000000000000', parent: ids.at(-1) ?? '' });
    expect(await kept(ref)).toEqual([head, ...ids]);
    expect((await saver.getTuple({ configurable: { thread_id: ref } }))?.checkpoint.id).toBe(head);
  });

  it('moves no head where an older branch is written to, without an attempt', async () => {
    const ref = harness.newThread();
    const saver = harness.saver();
    const [older, first] = [uuid6(0), await put(saver, ref)];
    const head = await put(saver, ref, { parent: first });
    await put(saver, ref, { id: older, parent: first });
    const tuple = await saver.getTuple({ configurable: { thread_id: ref } });
    expect(tuple?.checkpoint.id).toBe(head);
  });

  it('keeps a checkpoint that a fork copies', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const [copied = ''] = await steps(saver, ref, 1);
    expect(await harness.table.pin(ref, copied, 60_000)).toBe(copied);
    const ids = await steps(saver, ref, 20, copied);
    expect(await kept(ref)).toContain(copied);
    await harness.table.pin(ref, copied, -60_000);
    await steps(saver, ref, 1, ids.at(-1));
    expect(await kept(ref)).not.toContain(copied);
  });

  it('keeps the ancestors that a delta channel is rebuilt from, until it has a whole value again', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const first = await put(saver, ref, { values: { log: new DeltaSnapshot([0]) } });
    let parent = first;
    const delta = (steps: number) => ({ counters_since_delta_snapshot: { log: [steps, steps] as [number, number] } });
    for (let n = 1; n <= 30; n++) {
      const config = { configurable: { thread_id: ref, checkpoint_ns: '', checkpoint_id: parent } };
      await saver.putWrites(config, [['log', [n]]], `task ${n}`);
      parent = await put(saver, ref, { parent, values: {}, metadata: delta(n) });
    }
    const config = { configurable: { thread_id: ref, checkpoint_ns: '' } };
    const history = await saver.getDeltaChannelHistory({ config, channels: ['log'] });
    expect(history['log']?.writes.map(([, , value]) => value)).toEqual(Array.from({ length: 30 }, (_, n) => [n + 1]));
    expect((await kept(ref)).at(0)).toBe(first);
    parent = await put(saver, ref, { parent, values: { log: new DeltaSnapshot([1]) } });
    for (let n = 0; n < 20; n++) parent = await put(saver, ref, { parent, values: { log: new DeltaSnapshot([n]) } });
    expect(await kept(ref)).toHaveLength(KEPT);
  });

  it('removes the checkpoints of subgraphs with the one that they belong to, but the last state of a lasting subgraph', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const [first = ''] = await steps(saver, ref, 1);
    await put(saver, ref, { namespace: 'node:task', root: first });
    await put(saver, ref, { namespace: 'node:task|inner:task', root: first });
    const lasting = await put(saver, ref, { namespace: 'memory', root: first });
    const ids = await steps(saver, ref, KEPT - 1, first);
    expect(await kept(ref, 'node:task')).toHaveLength(1);
    await steps(saver, ref, 1, ids.at(-1));
    expect(await kept(ref)).not.toContain(first);
    expect(await kept(ref, 'node:task')).toEqual([]);
    expect(await kept(ref, 'node:task|inner:task')).toEqual([]);
    expect(await kept(ref, 'memory')).toEqual([lasting]);
    const fields = await harness.redis.hkeys(harness.keys.checkpoints(ref));
    expect(fields.filter((field) => field.startsWith('h')).map((field) => field.split('\0')[1])).toEqual(['memory']);
  });

  it('removes a checkpoint of many parts in bounded steps', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const [first = ''] = await steps(saver, ref, 1);
    for (let nth = 0; nth < 70; nth++) {
      await put(saver, ref, { namespace: `node:${nth}`, root: first, values: { nth } });
    }
    const ids = await steps(saver, ref, KEPT - 1, first);
    const left = async () => [(await harness.table.partsOf(ref, first)).length, (await kept(ref)).includes(first)];
    expect(await left()).toEqual([70, true]);
    const [next] = await steps(saver, ref, 1, ids.at(-1));
    expect(await left()).toEqual([6, true]);
    await steps(saver, ref, 1, next);
    expect(await left()).toEqual([0, false]);
    expect(await kept(ref)).toHaveLength(KEPT);
  });

  it('bounds the checkpoints of a subgraph that runs long within one step', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const [root = ''] = await steps(saver, ref, 1);
    const ids: string[] = [];
    for (let nth = 0; nth < 20; nth++) {
      const parent = ids.at(-1);
      ids.push(await put(saver, ref, { namespace: 'node:task', root, ...(parent && { parent }) }));
    }
    expect(await kept(ref, 'node:task')).toEqual(ids.slice(-KEPT));
  });

  it('catches up in bounded steps when the setting was lowered', async () => {
    const ref = harness.newThread();
    await using generous = new CheckpointHarness(redis.url, { prefix: harness.prefix, limits: { kept: 1_000 } });
    const lease = await harness.claim(ref);
    const ids = await steps(generous.saver(lease), ref, 60);
    const saver = harness.saver(lease);
    const sizes: number[] = [];
    for (let parent = ids.at(-1); sizes.at(-1) !== KEPT; ) {
      [parent] = await steps(saver, ref, 1, parent);
      sizes.push((await kept(ref)).length);
    }
    expect(sizes[0]).toBe(57);
    expect(sizes.every((size, nth) => nth === 0 || (sizes[nth - 1] ?? 0) - size <= 3)).toBe(true);
  });
});
