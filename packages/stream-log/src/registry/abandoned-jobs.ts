import type { JobRef } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** Jobs to cancel once nobody reads them, each with a deadline. A reader of a job moves its deadline forward; a job
 *  whose deadline has passed is abandoned. Deadlines are Redis's clock, milliseconds since the epoch: one clock for all
 *  nodes ({@link nowMs}). */
export class AbandonedJobs {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Redis's clock, milliseconds since the epoch. */
  async nowMs(): Promise<number> {
    const [seconds, micros] = await this.redis.time();
    return Number(seconds) * 1_000 + Number(micros) / 1_000;
  }

  /** Sets a job's deadline, whatever it was. */
  async set(ref: JobRef, deadlineMs: number): Promise<void> {
    await this.redis.zadd(this.keys.abandonedJobs, deadlineMs, ref);
  }

  /** Sets the deadline of a job that has one already. */
  async setExisting(ref: JobRef, deadlineMs: number): Promise<void> {
    await this.redis.zadd(this.keys.abandonedJobs, 'XX', deadlineMs, ref);
  }

  /** Moves deadlines forward, never back: another node may have moved one further.
   *  @param create whether a job without a deadline gets one */
  async extend(refs: readonly JobRef[], deadlineMs: number, { create }: { readonly create: boolean }): Promise<void> {
    if (refs.length === 0) return;
    const onlyExisting = create ? [] : ['XX' as const];
    await this.redis.zadd(this.keys.abandonedJobs, ...onlyExisting, 'GT', ...refs.flatMap((ref) => [deadlineMs, ref]));
  }

  /** Removes a job's deadline: it has ended, or its creator has the answer. */
  async remove(ref: JobRef): Promise<void> {
    await this.redis.zrem(this.keys.abandonedJobs, ref);
  }

  /** @returns jobs whose deadline has passed, earliest first, `limit` at most */
  async overdue(nowMs: number, limit: number): Promise<JobRef[]> {
    return (await this.redis.zrangebyscore(this.keys.abandonedJobs, '-inf', nowMs, 'LIMIT', 0, limit)) as JobRef[];
  }

  /** Claims an overdue job just before it is cancelled. One of several nodes gets it, and none when a reader has come
   *  back since the job was found. The job stays in the set until its node removes it: a claim expires, so that a
   *  node that dies between claim and cancel loses nothing.
   *  @param untilMs when the job is overdue again
   *  @returns whether the caller is to cancel it */
  async claim(ref: JobRef, nowMs: number, untilMs: number): Promise<boolean> {
    return (await this.#run('claim', [this.keys.abandonedJobs], [ref, nowMs, untilMs])) === 1;
  }
}
