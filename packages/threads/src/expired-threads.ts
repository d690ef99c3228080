import type { ThreadRef } from '@millrace/contracts';
import type { RedisConnection } from '@millrace/stream-log';
import { type RunScript, scriptsOf } from './redis/thread-scripts.ts';
import type { ThreadBytes } from './thread-bytes.ts';
import type { ThreadKeys } from './thread-keys.ts';

const SCRIPTS = { remove: [5] } as const;

/** Threads that have expired are still in the lists, and counted: finds and removes them. */
export class ExpiredThreads {
  readonly #run: RunScript<keyof typeof SCRIPTS>;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: ThreadKeys,
    readonly bytes: ThreadBytes,
    readonly retentionMs: number,
  ) {
    this.#run = scriptsOf(redis, 'catalogue', SCRIPTS);
  }

  /** @param limit how many to look at
   *  @param forget removes what a thread that is gone has outside Redis
   *  @returns how many were due: fewer than `limit` when none is left */
  async purge(limit: number, forget: (ref: ThreadRef) => Promise<void>): Promise<number> {
    const { seenThreads } = this.keys;
    const [seconds] = await this.redis.time();
    const latest = String((Number(seconds) * 1_000 - this.retentionMs) * 1_000);
    const due = await this.redis.zrange(seenThreads, '-inf', latest, 'BYSCORE', 'LIMIT', 0, limit, 'WITHSCORES');
    const refs = due.filter((_, place) => place % 2 === 0) as ThreadRef[];
    await Promise.all(refs.map((ref, place) => this.#check(ref, due[2 * place + 1] ?? '', forget)));
    return refs.length;
  }

  /** Removes a thread that is gone, unless its id was used since.
   *  @param seen when it was used last as far as the list knows, µs */
  async remove(ref: ThreadRef, seen: string): Promise<void> {
    await this.bytes.forget([ref]);
    await this.#run('remove', this.keys.listsOf(ref), [ref, seen]);
  }

  /** Removes a private thread that is gone: its id is not used again. */
  async removePrivate(ref: ThreadRef): Promise<void> {
    const { busyThreads, seenThreads } = this.keys;
    const hints = [busyThreads, seenThreads].map((list) => this.redis.zrem(list, ref));
    await Promise.all([this.bytes.forget([ref]), ...hints]);
  }

  async #check(ref: ThreadRef, seen: string, forget: (ref: ThreadRef) => Promise<void>): Promise<void> {
    const expiresAtMs = await this.redis.pexpiretime(this.keys.record(ref));
    if (expiresAtMs < 0) {
      // still listed if this fails: it is tried again
      await forget(ref);
      return this.remove(ref, seen);
    }
    // due again when it expires
    const next = Math.max(Number(seen) + 1, (expiresAtMs - this.retentionMs) * 1_000);
    await this.redis.zadd(this.keys.seenThreads, 'XX', 'GT', next, ref);
  }
}
