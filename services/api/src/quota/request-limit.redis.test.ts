import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger, loadSettings } from '@millrace/runtime';
import { KeySpace, LimitDirectory, Shards } from '@millrace/stream-log';
import { newKeyPrefix, startRedisCluster, type TestRedisCluster } from '@millrace/testing';
import { Cluster } from 'ioredis';
import { Metrics } from '../health/metrics.ts';
import { apiSettingsSchema } from '../settings.ts';
import type { ShardPorts } from '../shards/shard-ports.ts';
import { RequestLimit } from './request-limit.ts';
import { StoredBytesShare } from './stored-bytes-share.ts';
import { TenantLimits } from './tenant-limits.ts';

let cluster: TestRedisCluster;
let redis: Cluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
  redis = new Cluster(cluster.ports.map((port) => ({ host: '127.0.0.1', port })));
  await redis.ping();
});
afterAll(async () => {
  redis?.disconnect();
  await cluster?.stop();
});

/** Two nodes of one deployment. */
function twoLimits(): [RequestLimit, RequestLimit] {
  const prefix = newKeyPrefix();
  const settings = loadSettings(apiSettingsSchema, {
    ...{ MILLRACE_KEY_PREFIX: prefix, MILLRACE_MAX_REQUESTS_PER_MINUTE_PER_TENANT: '10' },
  });
  const keys = new KeySpace(prefix);
  const ofNode = () => {
    const shards = new Shards({ connections: [redis], keys, generations: [1] });
    const share = new StoredBytesShare(settings, [{ redis } as ShardPorts], shards);
    const limits = new TenantLimits(settings, new LimitDirectory(redis, keys), share);
    return new RequestLimit(limits, redis, keys, new Metrics(), createLogger({ service: 'api', level: 'silent' }));
  };
  return [ofNode(), ofNode()];
}

describe('requests within a minute, on a cluster', () => {
  it('are counted once for all nodes, and for each tenant alone', async () => {
    const nodes = twoLimits();
    for (const tenant of ['a', 'b', 'c']) {
      const taken = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => nodes[n % 2]?.take(tenant)));
      expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
      expect(await nodes[0].usedBy(tenant)).toBe(10);
    }
  });
});
