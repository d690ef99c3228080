import { createHash } from 'node:crypto';
import { jobRef, threadRef } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import type { SseEvent } from '@millrace/testing';
import { ThreadKeys } from '@millrace/threads';
import { Redis } from 'ioredis';
import type { SystemHarness } from '../e2e/system-harness.ts';

/** What Redis holds, read directly instead of through the service. */
export class Store implements Disposable {
  private readonly redis: Redis;
  private readonly keys: KeySpace;
  private readonly threadKeys: ThreadKeys;

  constructor({ redis, env }: SystemHarness) {
    this.redis = new Redis(redis.url);
    const prefix = env['MILLRACE_KEY_PREFIX'] ?? '';
    this.keys = new KeySpace(prefix);
    this.threadKeys = new ThreadKeys(prefix);
  }

  /** @returns a job's log, one line per event */
  async log(id: string): Promise<string[]> {
    const entries = await this.redis.xrange(this.keys.log(jobRef('default', id)), '-', '+');
    return entries.map(([eventId, fields]) => `${eventId} ${fields.join(' ')}`);
  }

  /** @returns a job's log in the form of the wire; the times when they were stored are unknown */
  async events(id: string): Promise<SseEvent[]> {
    const entries = await this.redis.xrange(this.keys.log(jobRef('default', id)), '-', '+');
    return entries.map(([eventId, [type = '', data = 'null']]) => {
      return { id: eventId, event: type === 'text' ? 'message' : type, data: JSON.parse(data), at: 0 };
    });
  }

  /** @returns everything that is stored of a thread: each of its keys with a digest of its value */
  async thread(threadId: string): Promise<string[]> {
    const found: string[] = [];
    const match = `*{thread:${threadRef('default', threadId)}}*`;
    for await (const page of this.redis.scanStream({ match, count: 1_000 })) found.push(...(page as string[]));
    const digests = found
      .toSorted((one, other) => one.localeCompare(other))
      .map(async (key) => `${key} ${await this.digestOf(key)}`);
    return Promise.all(digests);
  }

  private async digestOf(key: string): Promise<string> {
    const bytes = await this.redis.dumpBuffer(key);
    return createHash('sha256').update(bytes).digest('hex');
  }

  /** @returns the jobs that have had their turn in a thread, in order */
  turns(threadId: string): Promise<string[]> {
    return this.redis.zrange(this.threadKeys.jobs(threadRef('default', threadId)), '0', '-1');
  }

  /** @returns whether BullMQ has an entry for the job, in any state */
  async isQueued(id: string): Promise<boolean> {
    return (await this.redis.exists(`${this.keys.queuePrefix}:jobs:${jobRef('default', id)}`)) === 1;
  }

  /** @returns the client ports of the connections with matching names */
  async portsOf(name: RegExp): Promise<number[]> {
    const clients = String(await this.redis.client('LIST')).split('\n');
    const named = clients.filter((line) => name.test(/\bname=(\S*)/.exec(line)?.[1] ?? ''));
    return named.map((line) => Number(/\baddr=\S*:(\d+)/.exec(line)?.[1]));
  }

  [Symbol.dispose](): void {
    this.redis.disconnect();
  }
}
