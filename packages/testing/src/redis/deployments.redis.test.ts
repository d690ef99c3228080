import { describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { eventually } from '../latches/eventually.ts';
import { startRedisCluster } from './start-redis-cluster.ts';
import { startSentinel } from './start-sentinel.ts';

describe('startRedisCluster', () => {
  it('takes commands on every master, and sharded messages', async () => {
    await using cluster = await startRedisCluster();
    const redis = new Cluster(
      cluster.ports.map((port) => ({ host: '127.0.0.1', port })),
      { shardedSubscribers: true },
    );
    try {
      await Promise.all(Array.from({ length: 30 }, (_, index) => redis.set(`key-${index}`, index)));
      const sizes = await Promise.all(redis.nodes('master').map((node) => node.dbsize()));
      expect(sizes).toHaveLength(3);
      expect(sizes.every((size) => size > 0)).toBe(true);

      const message = new Promise((resolve) => redis.on('smessage', (channel, text) => resolve([channel, text])));
      await redis.ssubscribe('{a}channel');
      await redis.spublish('{a}channel', 'hello');
      expect(await message).toEqual(['{a}channel', 'hello']);
    } finally {
      redis.disconnect();
    }
  });
});

describe('startSentinel', () => {
  it('makes the replica the master when the master is killed', async () => {
    await using deployment = await startSentinel();
    const redis = new Redis({ sentinels: [{ host: '127.0.0.1', port: deployment.sentinelPort }], name: 'millrace' });
    redis.on('error', () => {
      // expected: the master is killed
    });
    try {
      await redis.set('key', 'kept');
      await redis.wait(1, 1_000);
      await deployment.master.kill();
      await eventually(async () => (await deployment.masterPort()) === deployment.replica.port, { timeoutMs: 20_000 });
      expect(await redis.get('key')).toBe('kept');
    } finally {
      redis.disconnect();
    }
  });
});
