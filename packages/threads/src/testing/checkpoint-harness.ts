import { randomUUID } from 'node:crypto';
import type { ThreadRef } from '@millrace/contracts';
import { threadRef } from '@millrace/contracts';
import type { ContentCipher, RedisConnection } from '@millrace/stream-log';
import { newKeyPrefix } from '@millrace/testing';
import { Cluster, Redis } from 'ioredis';
import { type CheckpointLimits, CheckpointTable, claimOf } from '../checkpoints/checkpoint-table.ts';
import type { AttemptLease, AttemptLog } from '../checkpoints/ports.ts';
import { RedisSaver } from '../checkpoints/redis-saver.ts';
import { ThreadKeys } from '../thread-keys.ts';
import { usualCipher } from './test-cipher.ts';

const LIMITS: CheckpointLimits = { kept: 100, retentionMs: 600_000, maxBytes: 64 * 1024 * 1024 };

/** The checkpoints of threads on one key prefix. */
export class CheckpointHarness implements AsyncDisposable {
  readonly prefix: string;
  readonly keys: ThreadKeys;
  readonly redis: RedisConnection;
  readonly table: CheckpointTable;
  readonly cipher: ContentCipher;

  /** @param url of a server, or of a node of a cluster */
  constructor(
    url: string,
    {
      cluster = false,
      limits = {},
      prefix = newKeyPrefix(),
      cipher,
    }: { cluster?: boolean; limits?: Partial<CheckpointLimits>; prefix?: string; cipher?: ContentCipher } = {},
  ) {
    this.prefix = prefix;
    this.keys = new ThreadKeys(prefix);
    this.redis = cluster ? new Cluster([url]) : new Redis(url);
    this.cipher = cipher ?? usualCipher(this.redis, prefix);
    const { redis, keys } = this;
    this.table = new CheckpointTable({ redis, keys, cipher: this.cipher, limits: { ...LIMITS, ...limits } });
  }

  newThread(): ThreadRef {
    return threadRef('acme', randomUUID());
  }

  /** Gives a thread to an attempt, as `Threads.claim` does. */
  async claim(ref: ThreadRef, attempt = 1, jobId = 'job-1'): Promise<AttemptLease> {
    const lease = { ref, jobId, attempt, leaseToken: randomUUID() };
    await this.redis.hset(this.keys.record(ref), 'claim', claimOf(lease));
    return lease;
  }

  saver(lease?: AttemptLease, flushed: AttemptLog['flushed'] = async () => 0): RedisSaver {
    return new RedisSaver(this.table, lease ? { lease, log: { flushed } } : null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cipher.close();
    await this.redis.quit();
  }
}
