import { once } from 'node:events';
import { afterAll, describe, expect, it } from '@jest/globals';
import { emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import { newKeyPrefix, startRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { ThreadKeys } from '../thread-keys.ts';
import { claimOf } from './checkpoint-table.ts';
import { openSavers } from './savers.ts';

const server = await startRedis();
const redis = new Redis(server.url, { maxRetriesPerRequest: 1, retryStrategy: () => 50, enableOfflineQueue: false });
redis.on('error', () => undefined);
await once(redis, 'ready');
const keys = new ThreadKeys(newKeyPrefix());
const limits = { kept: 10, retentionMs: 600_000, maxBytes: 1_000_000, maxStoreBytes: 1_000_000 };
const savers = await openSavers({ checkpoints: 'redis', redis, keys, limits });

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

describe('while Redis is away', () => {
  it('a checkpoint waits and is stored once; a job that is cancelled meanwhile waits no longer (law 12)', async () => {
    const lease = { ref: 'acme.thread', jobId: 'job', attempt: 1, leaseToken: 'token' } as const;
    await redis.hset(keys.record(lease.ref), 'claim', claimOf(lease));
    const stop = new AbortController();
    const log = { flushed: async () => 1 };
    const [patient, cancelled] = [savers.forAttempt(lease, log), savers.forAttempt(lease, log, stop.signal)];
    const store = savers.storeOf('acme', { signal: stop.signal });
    const config = { configurable: { thread_id: lease.ref } };
    const put = (saver: typeof patient) => {
      const checkpoint = { ...emptyCheckpoint(), id: uuid6(0), channel_values: { a: 1 }, channel_versions: { a: 1 } };
      return saver.put(config, checkpoint, { source: 'loop', step: 0, parents: {} }, { a: 1 });
    };

    await server.kill();
    const given = [put(cancelled), store.put(['n'], 'k', {}), store.search(['n'])];
    const settled = Promise.allSettled(given);
    stop.abort(new Error('cancelled'));
    expect((await settled).map((result) => result.status === 'rejected' && String(result.reason))).toEqual(
      given.map(() => 'Error: cancelled'),
    );
    const stored = put(patient);
    await server.start();
    const { configurable } = await stored;
    expect((await savers.headOf(lease.ref))?.checkpointId).toBe(configurable?.['checkpoint_id']);
  });
});
