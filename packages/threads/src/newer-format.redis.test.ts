import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { emptyCheckpoint } from '@langchain/langgraph-checkpoint';
import { NewerFormat } from '@millrace/stream-log';
import { newKeyPrefix, startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { RedisStore } from './checkpoints/redis-store.ts';
import { CheckpointHarness } from './testing/checkpoint-harness.ts';
import { ThreadHarness } from './testing/thread-harness.ts';
import { ThreadKeys } from './thread-keys.ts';
import { THREAD_FORMAT } from './thread-record.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe('the format of a thread', () => {
  it('is in its record from the beginning, the newest that the scripts know', async () => {
    await using d = ThreadHarness.single(server.url);
    const ref = d.newRef();
    await d.enter(ref, 'job-1');
    expect(await d.redis.hget(d.keys.record(ref), 'format')).toBe(String(THREAD_FORMAT));
    const fragment = readFileSync(new URL('../lua/shared/format.lua', import.meta.url), 'utf8');
    expect(fragment).toContain(`or 1) > ${THREAD_FORMAT} then`);
  });

  it('if it is a newer one, keeps this version from changing the thread and from reading its content', async () => {
    await using d = ThreadHarness.single(server.url);
    const ref = d.newRef();
    await d.enter(ref, 'job-1');
    const record = d.keys.record(ref);
    await d.redis.hset(record, { format: THREAD_FORMAT + 1, metadata: 'another form' });
    const before = await d.redis.hgetall(record);

    for (const change of [
      d.enter(ref, 'job-2'),
      d.claim(ref, 'job-1'),
      d.leave(ref, 'job-1'),
      d.threads.erase(ref),
      d.threads.create(ref, {}),
    ]) {
      await expect(change).rejects.toThrow(NewerFormat);
    }
    expect(await d.redis.hgetall(record)).toEqual(before);
    const thread = await d.threads.get(ref);
    expect(thread).toMatchObject({ activeJob: 'job-1', metadata: {}, questions: null });
    expect(thread?.unreadable).toBeInstanceOf(NewerFormat);
  });

  it('counts for its checkpoints, too', async () => {
    await using d = new CheckpointHarness(server.url);
    const ref = d.newThread();
    const saver = d.saver(await d.claim(ref));
    const config = { configurable: { thread_id: ref, checkpoint_ns: '' } };
    await d.redis.hset(d.keys.record(ref), 'format', THREAD_FORMAT + 1);
    await expect(saver.put(config, emptyCheckpoint(), { source: 'input', step: -1, parents: {} }, {})).rejects.toThrow(
      NewerFormat,
    );
    await expect(saver.getTuple(config)).rejects.toThrow(NewerFormat);
    await expect(d.table.erase(ref)).rejects.toThrow(NewerFormat);
    expect(await d.redis.exists(d.keys.checkpoints(ref))).toBe(0);
  });
});

describe('the format of a store', () => {
  it('is in it, and if it is a newer one, keeps this version from reading and writing items', async () => {
    const redis = new Redis(server.url);
    const keys = new ThreadKeys(newKeyPrefix());
    const store = new RedisStore({ redis, keys, tenant: 'acme', maxBytes: 1_000_000 });
    await store.put(['a'], 'b', { c: 1 });
    const [items] = keys.ofStore('acme');
    expect(await redis.hget(items, 'format')).toBe(String(THREAD_FORMAT));
    await redis.hset(items, 'format', THREAD_FORMAT + 1);
    const before = await redis.hgetall(items);
    await expect(store.put(['a'], 'b', { c: 2 })).rejects.toThrow(NewerFormat);
    await expect(store.get(['a'], 'b')).rejects.toThrow(NewerFormat);
    await expect(store.search(['a'])).rejects.toThrow(NewerFormat);
    expect(await redis.hgetall(items)).toEqual(before);
    redis.disconnect();
  });
});
