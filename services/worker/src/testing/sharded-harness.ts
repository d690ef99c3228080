import { type JobRef, threadRef } from '@millrace/contracts';
import { Shards } from '@millrace/stream-log';
import { newKeyPrefix } from '@millrace/testing';
import { ThreadKeys, ThreadShards } from '@millrace/threads';
import type { RunningWorker } from '../create-worker.ts';
import { WorkerHarness } from './worker-harness.ts';

type Env = Readonly<Record<string, string>>;
type Request = Parameters<WorkerHarness['submit']>[0];

/** Plays the API for workers that have several shards. */
export class ShardedHarness implements AsyncDisposable {
  readonly shards: readonly WorkerHarness[];
  readonly #threadShards: ThreadShards;

  constructor(
    readonly redisUrls: readonly string[],
    modelUrl: string,
  ) {
    const prefix = newKeyPrefix();
    this.shards = redisUrls.map((url) => new WorkerHarness(url, modelUrl, prefix));
    const shards = new Shards({
      connections: this.shards.map(({ redis }) => redis),
      keys: this.of(0).keys,
      generations: [redisUrls.length],
    });
    this.#threadShards = new ThreadShards(shards, new ThreadKeys(prefix));
  }

  of(shard: number): WorkerHarness {
    const harness = this.shards[shard];
    if (harness === undefined) throw new RangeError(`there is no shard ${shard}`);
    return harness;
  }

  /** the workers' log lines, parsed */
  get log(): readonly Record<string, unknown>[] {
    return this.of(0).log;
  }

  /** Starts a worker in this process. */
  worker(env: Env = {}): Promise<RunningWorker> {
    return this.of(0).worker({ REDIS_URLS: this.redisUrls.join(' '), ...env });
  }

  /** Opens a job in a shard and queues it, like the API.
   *  @param threadIn the shard of its thread */
  submit(
    shard: number,
    { threadIn = shard, ...request }: Request & { readonly threadIn?: number } = {},
  ): Promise<JobRef> {
    return this.of(shard).submit({ shard, threads: this.of(threadIn).threads, ...request });
  }

  /** Waits for the end of a job of a shard.
   *  @returns the type of its terminal event */
  async end(shard: number, ref: JobRef, timeoutMs?: number): Promise<string> {
    return (await this.of(shard).end(ref, timeoutMs))[0];
  }

  /** @returns the id of a thread of the tenant `default` that belongs to a shard */
  threadIn(shard: number): string {
    for (let nth = 0; ; nth += 1) {
      const id = `thread-${nth}`;
      if (this.#threadShards.of(threadRef('default', id)) === shard) return id;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.shards.map((harness) => harness[Symbol.asyncDispose]()));
  }
}
