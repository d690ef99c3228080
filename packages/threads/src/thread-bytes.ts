import { type ThreadRef, tenantOf } from '@millrace/contracts';
import type { RedisConnection, StoredBytes } from '@millrace/stream-log';
import type { ThreadKeys } from './thread-keys.ts';

/** What a thread has in Redis. */
export interface ThreadSize {
  readonly ref: ThreadRef;
  readonly bytes: number;
}

/** Counts what threads have in Redis for their tenants. */
export class ThreadBytes {
  constructor(
    readonly redis: RedisConnection,
    readonly keys: ThreadKeys,
    readonly storedBytes: Pick<StoredBytes, 'keep'>,
    /** how long a count may stay that nobody corrects, milliseconds */
    readonly retentionMs: number,
  ) {}

  /** Stores the size of threads that are there. */
  async count(threads: readonly ThreadSize[]): Promise<void> {
    const [, found] = await Promise.all([
      this.#keep(threads),
      Promise.all(threads.map(({ ref }) => this.redis.exists(this.keys.record(ref)))),
    ]);
    // erased since they were measured: nobody else would correct the count
    await this.forget(threads.filter((_, place) => found[place] === 0).map(({ ref }) => ref));
  }

  /** Counts threads no more that are gone. */
  async forget(refs: readonly ThreadRef[]): Promise<void> {
    await this.#keep(refs.map((ref) => ({ ref, bytes: 0 })));
  }

  async #keep(threads: readonly ThreadSize[]): Promise<void> {
    const byTenant = Map.groupBy(threads, ({ ref }) => tenantOf(ref));
    await Promise.all(
      [...byTenant].map(([tenant, own]) => {
        const sizes = own.map(({ ref, bytes }): [string, number] => [`thread:${ref.slice(tenant.length + 1)}`, bytes]);
        return this.storedBytes.keep(tenant, new Map(sizes), this.retentionMs);
      }),
    );
  }
}
