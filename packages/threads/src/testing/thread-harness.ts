import { newRequestId, type ThreadRef, threadRef } from '@millrace/contracts';
import { type ContentCipher, KeySpace, type RedisConnection, StoredBytes } from '@millrace/stream-log';
import { newKeyPrefix } from '@millrace/testing';
import { Cluster, Redis } from 'ioredis';
import { ThreadKeys } from '../thread-keys.ts';
import { type Entry, type ThreadLimits, Threads } from '../threads.ts';
import { usualCipher } from './test-cipher.ts';

export const RETENTION_MS = 3_600_000;

/** The threads of one key prefix, and what a job does to them in few words. */
export class ThreadHarness implements AsyncDisposable {
  readonly keys: ThreadKeys;
  readonly jobKeys: KeySpace;
  readonly threads: Threads;

  constructor(
    readonly redis: RedisConnection,
    limits: ThreadLimits = { retentionMs: RETENTION_MS },
    readonly prefix = newKeyPrefix(),
    readonly cipher: ContentCipher = usualCipher(redis, prefix),
  ) {
    this.keys = new ThreadKeys(prefix);
    this.jobKeys = new KeySpace(prefix);
    redis.on('error', () => undefined);
    this.threads = new Threads(redis, this.keys, new StoredBytes(redis, this.jobKeys), limits, cipher);
  }

  static single(url: string, limits?: ThreadLimits): ThreadHarness {
    return new ThreadHarness(new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 }), limits);
  }

  static cluster(ports: readonly number[]): ThreadHarness {
    const nodes = ports.map((port) => ({ host: '127.0.0.1', port }));
    return new ThreadHarness(new Cluster(nodes, { shardedSubscribers: true, slotsRefreshInterval: 1_000 }));
  }

  static sentinel(port: number): ThreadHarness {
    const sentinels = [{ host: '127.0.0.1', port }];
    return new ThreadHarness(new Redis({ sentinels, name: 'millrace', maxRetriesPerRequest: null }));
  }

  newRef(tenant = 'default'): ThreadRef {
    return threadRef(tenant, newRequestId());
  }

  async enter(ref: ThreadRef, jobId: string, entry: Partial<Entry> = {}): Promise<string> {
    const entered = await this.threads.enter({ ref, jobId, onBusy: 'enqueue', kind: 'message', ...entry });
    return entered.kind === 'cancel-first' ? `cancel-first ${entered.jobId}` : entered.kind;
  }

  async claim(ref: ThreadRef, jobId: string, attempt = 1, question: readonly string[] = []): Promise<string> {
    const messages = question.map((content) => ({ role: 'user' as const, content }));
    return (await this.threads.claim({ ref, jobId, attempt, leaseToken: `token-${attempt}` }, messages)).kind;
  }

  /** @returns outcome, and the job that is next, if any */
  async leave(ref: ThreadRef, jobId: string, status: 'completed' | 'failed' | 'cancelled' = 'completed', said = '') {
    const messages = said === '' ? [] : [{ role: 'assistant' as const, content: said }];
    const { outcome, next } = await this.threads.leave({ ref, jobId, status, said: messages });
    return next === null ? outcome : `${outcome}, then ${next}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cipher.close();
    this.redis.disconnect();
  }
}
