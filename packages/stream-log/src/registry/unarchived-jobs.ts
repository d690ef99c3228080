import { type JobRef, tenantOf } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** A job that a worker is to write to the archive. */
export interface UnarchivedJob {
  readonly ref: JobRef;
  /** its place in the lists, µs; null: it is not listed */
  readonly arrival: string | null;
}

/** How many jobs are still to be written, and for how long the first of them has been, milliseconds. */
export interface ArchiveBacklog {
  readonly jobs: number;
  readonly oldestWaitMs: number;
}

/** Ended jobs that are still to be written to the archive. {@link FairQueue.retire} lists them. A job that is leased and not done
 *  when the lease ends is leased again. */
export class UnarchivedJobs {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** @param minAgeMs since they ended, milliseconds
   *  @returns those that have waited longest, `limit` at most, which nobody else gets before the lease ends */
  async take(options: {
    readonly minAgeMs: number;
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<UnarchivedJob[]> {
    const { unarchivedJobs, archivingJobs, unsettledJobs, allJobs, erasedCopies } = this.keys;
    const keys = [unarchivedJobs, archivingJobs, unsettledJobs, allJobs, erasedCopies];
    const args = [options.minAgeMs, options.limit, options.leaseMs];
    const reply = (await this.#run('take-unarchived', keys, args)) as string[];
    return reply.flatMap((ref, place) =>
      place % 2 === 0 ? { ref: ref as JobRef, arrival: reply[place + 1] || null } : [],
    );
  }

  /** The job need not be written any more.
   *  @param expiresAt when its record expires, ms since the epoch by Redis's clock; 0: it is gone; null: as it is listed
   *  @param threadId of its thread; null: it has none, or that is not known
   *  @returns false: it was erased meanwhile. Its copy is to be erased, see {@link ErasedCopies} */
  async done(ref: JobRef, expiresAt: number | null, threadId: string | null): Promise<boolean> {
    const { unarchivedJobs, archivingJobs, erasedCopies, expiringJobs, allJobs } = this.keys;
    const tenant = tenantOf(ref);
    const list = threadId === null ? this.keys.jobsOf(tenant) : this.keys.jobsOfThread(tenant, threadId);
    const keys = [unarchivedJobs, archivingJobs, erasedCopies, expiringJobs, list, allJobs];
    return (await this.#run('note-archived', keys, [ref, expiresAt ?? ''])) === 1;
  }

  /** Gives leased jobs back of which nothing has been written. */
  async release(refs: readonly JobRef[]): Promise<void> {
    if (refs.length > 0) await this.redis.zrem(this.keys.archivingJobs, ...refs);
  }

  async backlog(): Promise<ArchiveBacklog> {
    const [jobs, [, endedAt], [seconds]] = await Promise.all([
      this.redis.zcard(this.keys.unarchivedJobs),
      this.redis.zrange(this.keys.unarchivedJobs, '0', '0', 'WITHSCORES'),
      this.redis.time(),
    ]);
    const oldestWaitMs = endedAt === undefined ? 0 : Math.max(0, Number(seconds) * 1_000 - Number(endedAt));
    return { jobs, oldestWaitMs };
  }
}
