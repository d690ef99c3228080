import type { KeySpace } from './keys.ts';
import type { LogLimits } from './limits.ts';
import { type RedisConnection, type RunScript, scriptsOf } from './scripts.ts';

export interface AdmissionLimits {
  readonly maxQueued: number;
  readonly maxOpenPerTenant: number;
}

export interface JobPage {
  readonly ids: readonly string[];
  /** where the next page starts; null at the end */
  readonly nextCursor: string | null;
}

/** Which jobs there are: to count, to list, and to find what fell between record and queue (law 15).
 *
 *  It is kept beside the records, not with them: they live in slots of their own. So it is written *before* a record
 *  is opened and cleared *after* it was closed, and its entries are hints that whoever reads them checks. */
export class JobIndex {
  readonly #run: RunScript;
  /** how long a job stays in the lists, ms: no record lives longer */
  readonly #retentionMs: number;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    limits: Pick<LogLimits, 'recordRetentionMs' | 'unfinishedRetentionMs'>,
  ) {
    this.#run = scriptsOf(redis);
    this.#retentionMs = limits.unfinishedRetentionMs + limits.recordRetentionMs;
  }

  /** Counts a job in; one that is known already always gets in. */
  async admit(
    job: { id: string; tenant: string },
    limits: AdmissionLimits,
  ): Promise<'admitted' | 'queue-full' | 'rate-limited'> {
    const { openJobs, queuedJobs, allJobs } = this.keys;
    const keys = [openJobs, queuedJobs, allJobs, this.keys.openJobsOf(job.tenant), this.keys.jobsOf(job.tenant)];
    const args = [job.id, limits.maxQueued, limits.maxOpenPerTenant, this.#retentionMs];
    const reply = await this.#run('admit', keys, args);
    if (reply === -1) return 'queue-full';
    return reply === -2 ? 'rate-limited' : 'admitted';
  }

  /** Takes back an admission whose job was not opened.
   *  @param alone false when the id is another tenant's job: only this tenant's entries go */
  async withdraw(job: { id: string; tenant: string }, alone = true): Promise<void> {
    const { openJobs, queuedJobs, allJobs } = this.keys;
    const own = [this.keys.openJobsOf(job.tenant), this.keys.jobsOf(job.tenant)];
    await this.#remove(job.id, alone ? [openJobs, queuedJobs, allJobs, ...own] : own);
  }

  /** A worker took the job. */
  async taken(id: string): Promise<void> {
    await this.#remove(id, [this.keys.queuedJobs]);
  }

  /** A worker gave the job back to the queue. */
  async released(id: string): Promise<void> {
    await this.redis.zadd(this.keys.queuedJobs, 'NX', Date.now() * 1000, id);
  }

  /** Drops the hints of queued jobs that are not open any more: one written late outlives its job. */
  async prune(): Promise<void> {
    const stale = (await this.redis.zdiff(2, [this.keys.queuedJobs, this.keys.openJobs])) as string[];
    if (stale.length > 0) await this.redis.zrem(this.keys.queuedJobs, ...stale);
  }

  /** The job has ended. */
  async left(job: { id: string; tenant: string }): Promise<void> {
    await this.#remove(job.id, [this.keys.openJobs, this.keys.queuedJobs, this.keys.openJobsOf(job.tenant)]);
  }

  /** Newest first.
   *  @param tenant null for all tenants
   *  @param cursor of the page before */
  async list(query: { tenant: string | null; limit: number; cursor?: string | undefined }): Promise<JobPage> {
    const key = query.tenant === null ? this.keys.allJobs : this.keys.jobsOf(query.tenant);
    const from = query.cursor === undefined ? '+inf' : `(${query.cursor}`;
    const reply = await this.redis.zrange(key, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, query.limit, 'WITHSCORES');
    const ids = reply.filter((_, i) => i % 2 === 0);
    return { ids, nextCursor: ids.length < query.limit ? null : (reply.at(-1) ?? null) };
  }

  /** @returns 1 for the oldest queued job; null when it is not queued */
  async queuePosition(id: string): Promise<number | null> {
    const rank = await this.redis.zrank(this.keys.queuedJobs, id);
    return rank === null ? null : rank + 1;
  }

  /** Jobs that are not known to have ended, oldest first: what a sweep looks through.
   *  @param olderThanMs by Redis's clock, milliseconds */
  async open(query: { olderThanMs: number; limit: number; cursor?: string | undefined }): Promise<JobPage> {
    const [seconds, micros] = await this.redis.time();
    const youngest = Number(seconds) * 1e6 + Number(micros) - query.olderThanMs * 1e3;
    const from = query.cursor === undefined ? '-inf' : `(${query.cursor}`;
    const { openJobs } = this.keys;
    const reply = await this.redis.zrange(
      openJobs,
      from,
      String(youngest),
      'BYSCORE',
      'LIMIT',
      0,
      query.limit,
      'WITHSCORES',
    );
    const ids = reply.filter((_, i) => i % 2 === 0);
    return { ids, nextCursor: ids.length < query.limit ? null : (reply.at(-1) ?? null) };
  }

  /** Claims a job of `abandonedJobs` just before it is cancelled. Of several nodes one gets it, and none when a reader
   *  has come back since the job was found. It stays in the set until its node takes it out: a claim runs out, so that
   *  a node that dies between claim and cancel loses nothing.
   *  @param nowMs by Redis's clock, milliseconds since the epoch, as is `untilMs`
   *  @param untilMs when the job falls due again
   *  @returns whether the caller is to cancel it */
  async claimAbandoned(id: string, nowMs: number, untilMs: number): Promise<boolean> {
    return (await this.#run('claim', [this.keys.abandonedJobs], [id, nowMs, untilMs])) === 1;
  }

  async #remove(id: string, keys: readonly string[]): Promise<void> {
    const transaction = this.redis.multi();
    for (const key of keys) transaction.zrem(key, id);
    await transaction.exec();
  }
}
