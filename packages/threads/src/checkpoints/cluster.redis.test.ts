import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import { AttemptFenced } from '@millrace/stream-log';
import { startRedisCluster, type TestRedisCluster } from '@millrace/testing';
import type { RedisKey } from 'ioredis';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import { RedisCheckpoints } from './redis-checkpoints.ts';
import { RedisStore } from './redis-store.ts';

let cluster: TestRedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.stop());

const metadata = { source: 'loop', step: 1, parents: {} } as const;

describe('on a cluster (law 13)', () => {
  it('threads of all slots are written, fenced, pruned, copied and listed', async () => {
    await using harness = new CheckpointHarness(`redis://127.0.0.1:${cluster.ports[0]}`, {
      cluster: true,
      limits: { kept: 3 },
    });
    const checkpoints = new RedisCheckpoints(harness.table);
    const refs = Array.from({ length: 30 }, () => harness.newThread());
    await Promise.all(
      refs.map(async (ref) => {
        const saver = harness.saver(await harness.claim(ref));
        let parent: string | undefined;
        for (let n = 1; n <= 6; n++) {
          const channel_values = { n, text: uuid6(0).repeat(300) };
          const checkpoint = { ...emptyCheckpoint(), id: uuid6(0), channel_values, channel_versions: { n, text: n } };
          const config = { configurable: { thread_id: ref, ...(parent && { checkpoint_id: parent }) } };
          await saver.put(config, checkpoint, metadata, { n, text: n });
          await saver.putWrites({ configurable: { thread_id: ref, checkpoint_id: checkpoint.id } }, [['n', n]], 'task');
          parent = checkpoint.id;
        }
        await harness.claim(ref, 2);
        const late = { configurable: { thread_id: ref, checkpoint_id: parent ?? '' } };
        await expect(saver.put(late, emptyCheckpoint(), metadata, {})).rejects.toThrow(AttemptFenced);
        expect((await checkpoints.history(ref)).checkpoints).toHaveLength(3);
      }),
    );
    for (const [nth, ref] of refs.slice(1).entries()) {
      const fork = harness.newThread();
      await checkpoints.copy(ref, fork);
      const state = await checkpoints.readState(fork);
      expect(state?.values).toEqual((await checkpoints.readState(ref))?.values);
      if (nth % 2) await checkpoints.erase(fork);
    }
    const listed = new Set<unknown>();
    for await (const { config } of harness.saver().list({})) listed.add(config.configurable?.['thread_id']);
    for (const ref of refs) expect(listed).toContain(ref);
    expect(listed.size).toBe(30 + 15);
  });

  it('a tenant’s store lies in one slot', async () => {
    await using harness = new CheckpointHarness(`redis://127.0.0.1:${cluster.ports[0]}`, { cluster: true });
    for (let nth = 0; nth < 10; nth++) {
      const ref = harness.newThread();
      const lease = await harness.claim(ref);
      const store = new RedisStore({ ...harness, tenant: `tenant ${nth}`, maxBytes: 10_000, lease });
      await store.put(['a', 'b'], 'k', { nth });
      expect(await store.search(['a'])).toMatchObject([{ value: { nth } }]);
      expect(await store.listNamespaces()).toEqual([['a', 'b']]);
      await harness.claim(ref, 2);
      await expect(store.put(['a', 'b'], 'k', { nth: -1 })).rejects.toThrow(AttemptFenced);
      await store.erase();
      expect(await store.search([])).toEqual([]);
    }
  });

  it('a store takes nothing from an attempt whose tenant is erased while it writes', async () => {
    await using harness = new CheckpointHarness(`redis://127.0.0.1:${cluster.ports[0]}`, { cluster: true });
    const { redis, keys } = harness;
    const ref = harness.newThread();
    const store = new RedisStore({ ...harness, tenant: 'acme', maxBytes: 10_000, lease: await harness.claim(ref) });
    await store.put(['a'], 'k', { nth: 0 });
    const hget = redis.hget.bind(redis);
    let reads = 0;
    // threads first, the store last: after the attempt has read that the thread is its own
    redis.hget = async (key: RedisKey, field: string | Buffer) => {
      const found = await hget(key, field);
      if (key !== keys.record(ref) || ++reads > 1) return found;
      await redis.del(keys.record(ref));
      await harness.table.eraseStore('acme');
      return found;
    };
    await expect(store.put(['a'], 'k', { nth: 1 })).rejects.toThrow(AttemptFenced);
    expect(await redis.exists(...keys.ofStore('acme'))).toBe(0);
  });
});
