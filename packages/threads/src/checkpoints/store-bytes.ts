import type { RedisConnection, StoredBytes } from '@millrace/stream-log';
import type { ThreadKeys } from '../thread-keys.ts';

/** How long the count of what does not expire is kept, milliseconds. */
const FOREVER_MS = 10 * 365 * 86_400_000;

export interface CountedStore {
  readonly redis: RedisConnection;
  readonly keys: ThreadKeys;
  readonly tenant: string;
  readonly storedBytes?: Pick<StoredBytes, 'keep'> | undefined;
}

/** Counts for a tenant what its store takes, again until that is so: the store may change, or be erased, before it is counted, and
 *  the count of whoever comes last stays. May be repeated.
 *  @param bytes as the script that has changed the store says; after an erasure 0 */
export async function countStore({ redis, keys, tenant, storedBytes }: CountedStore, bytes: number): Promise<void> {
  if (storedBytes === undefined) return;
  const [items] = keys.ofStore(tenant);
  for (let counted: number | null = null, now = bytes; now !== counted; ) {
    counted = now;
    await storedBytes.keep(tenant, new Map([['store', counted]]), counted === 0 ? 0 : FOREVER_MS);
    now = Number((await redis.hget(items, 'bytes')) ?? 0);
  }
}
