import type { JobStatus } from '@millrace/contracts';
import { Gathered } from './gathered.ts';
import type { KeySpace } from './keys.ts';
import type { LogLimits } from './limits.ts';
import { type RedisConnection, type RunScript, scriptsOf } from './scripts.ts';

export interface AdmissionLimits {
  readonly maxQueued: number;
  readonly maxOpenPerTenant: number;
}

/** Where a job may stand in the queue: 0 is first in line, then smaller is earlier. BullMQ's range. */
const MAX_PRIORITY = 2 ** 21 - 1;

const NO_LIMITS: AdmissionLimits = {
  maxQueued: Number.MAX_SAFE_INTEGER,
  maxOpenPerTenant: Number.MAX_SAFE_INTEGER,
};

export type Admission =
  /** `priority`: see {@link JobIndex} */
  { readonly outcome: 'admitted'; readonly priority: number } | { readonly outcome: 'queue-full' | 'rate-limited' };

export interface JobPage {
  readonly ids: readonly string[];
  /** where the next page starts; null at the end */
  readonly nextCursor: string | null;
}

/** Which jobs there are: to count, to list, and to find what fell between record and queue (law 15).
 *
 *  It is kept beside the records, not with them: they live in slots of their own. So it is written *before* a record
 *  is opened and cleared *after* it was closed, and its entries are hints that whoever reads them checks.
 *
 *  It also says who is next, so that tenants are served round robin whatever they have queued (self-clocked fair
 *  queueing). An admitted job gets the turn `1 + max(last open turn of its tenant, turn last taken)`, and the queue
 *  takes jobs by turn, then by arrival. Why nobody starves: a tenant has one job per turn, turns are taken in order,
 *  and no newcomer gets a turn that has been taken. So before a waiting job of turn `t` comes, at most, one job of each
 *  other tenant for every turn from the one now being taken to `t`, however many they have queued. A tenant that was
 *  idle joins at the present turn: it has saved up nothing and owes nothing. No clock is involved.
 *
 *  What the queue gets is a priority: the turn, counted from a base that moves up whenever no job is queued, within
 *  BullMQ's range. Beyond it, after 2,097,151 turns in which the queue was never once empty, newcomers stand in order
 *  of arrival behind all others until it is. A job that a worker has had before goes first, with priority 0: bases
 *  have moved since, and its turn is past.
 *  @see docs/adr/0017-fairness-across-tenants.md */
export class JobIndex {
  readonly #run: RunScript;
  /** how long a job stays in the lists at the most, ms: no record lives longer */
  readonly #retentionMs: number;
  /** how long a record outlives the end of its job, ms */
  readonly #recordMs: number;
  readonly #taken = new Gathered<string>((ids) => this.#take(ids));
  readonly #left = new Gathered<{ id: string; tenant: string }>((jobs) => this.#leave(jobs));

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    limits: Pick<LogLimits, 'recordRetentionMs' | 'unfinishedRetentionMs'>,
  ) {
    this.#run = scriptsOf(redis);
    this.#retentionMs = limits.unfinishedRetentionMs + limits.recordRetentionMs;
    this.#recordMs = limits.recordRetentionMs;
  }

  /** Counts a job in; one that is known already always gets in, and keeps its turn. */
  async admit(job: { id: string; tenant: string }, limits: AdmissionLimits): Promise<Admission> {
    const { openJobs, queuedJobs, allJobs } = this.keys;
    const own = [this.keys.openJobsOf(job.tenant), this.keys.jobsOf(job.tenant)];
    const keys = [openJobs, queuedJobs, allJobs, ...own, this.keys.turns, this.keys.leavingJobs];
    const args = [job.id, limits.maxQueued, limits.maxOpenPerTenant, this.#retentionMs, MAX_PRIORITY, job.tenant];
    const reply = Number(await this.#run('admit', keys, args));
    if (reply === -1) return { outcome: 'queue-full' };
    return reply === -2 ? { outcome: 'rate-limited' } : { outcome: 'admitted', priority: reply };
  }

  /** The place in the queue of a job that is queued again: the one it had, or first in line when a worker has had it.
   *  @returns 0 for first in line, also where its turn is not known */
  async priorityOf(job: { id: string; tenant: string; attempt: number }): Promise<number> {
    if (job.attempt > 0) return 0;
    const [turn, base] = await Promise.all([
      this.redis.zscore(this.keys.openJobsOf(job.tenant), job.id),
      this.redis.hget(this.keys.turns, 'base'),
    ]);
    return turn === null ? 0 : Math.max(1, Math.min(Number(turn) - Number(base), MAX_PRIORITY));
  }

  /** Counts a job in again of which Redis has lost the entries: whatever the limits, it was let in once. It is listed as
   *  one that has just arrived. */
  async restore(job: { id: string; tenant: string; attempt: number; status: JobStatus }): Promise<void> {
    await this.admit(job, NO_LIMITS);
    // what a worker has had waits no more, or is first in line
    if (job.status === 'active') await this.redis.zrem(this.keys.queuedJobs, job.id);
    else if (job.attempt > 0) await this.redis.zadd(this.keys.queuedJobs, 'XX', 0, job.id);
  }

  /** Takes back an admission whose job was not opened.
   *  @param alone false when the id is another tenant's job: only this tenant's entries go */
  async withdraw(job: { id: string; tenant: string }, alone = true): Promise<void> {
    const { openJobs, queuedJobs, allJobs } = this.keys;
    const own = [this.keys.openJobsOf(job.tenant), this.keys.jobsOf(job.tenant)];
    await this.#remove(job.id, alone ? [openJobs, queuedJobs, allJobs, ...own] : own);
  }

  /** A worker took the job: newcomers stand behind its turn. */
  taken(id: string): Promise<void> {
    return this.#taken.add(id);
  }

  /** A worker gave the job back to the queue, where it is first in line. */
  async released(id: string): Promise<void> {
    await this.redis.zadd(this.keys.queuedJobs, 'NX', 0, id);
  }

  /** Drops the hints of queued jobs that are not open any more: one written late outlives its job. */
  async prune(): Promise<void> {
    const stale = (await this.redis.zdiff(2, [this.keys.queuedJobs, this.keys.openJobs])) as string[];
    if (stale.length > 0) await this.redis.zrem(this.keys.queuedJobs, ...stale);
  }

  /** The job has ended: it counts no more, and is listed until its record is gone. */
  left(job: { id: string; tenant: string }): Promise<void> {
    return this.#left.add(job);
  }

  /** Takes jobs out of the lists whose records are gone.
   *  @param limit how many at the most
   *  @returns how many were due: fewer than `limit` when none is left */
  async forget(limit: number): Promise<number> {
    const { leavingJobs, allJobs } = this.keys;
    const now = Math.floor((await this.#micros()) / 1e3);
    const due = await this.redis.zrange(leavingJobs, '-inf', String(now), 'BYSCORE', 'LIMIT', 0, limit);
    const byTenant = Map.groupBy(due.map(idAndTenant), ({ tenant }) => tenant);
    for (const [tenant, jobs] of byTenant) {
      const keys = [leavingJobs, allJobs, this.keys.jobsOf(tenant)];
      await this.#run('forget', keys, [tenant, now, ...jobs.map(({ id }) => id)]);
    }
    return due.length;
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

  /** @returns 1 for the job that is next; null when it is not queued. Of the jobs of one turn, any may be first. */
  async queuePosition(id: string): Promise<number | null> {
    const rank = await this.redis.zrank(this.keys.queuedJobs, id);
    return rank === null ? null : rank + 1;
  }

  /** Jobs that are not known to have ended, oldest first: what a sweep looks through.
   *  @param olderThanMs by Redis's clock, milliseconds */
  async open(query: { olderThanMs: number; limit: number; cursor?: string | undefined }): Promise<JobPage> {
    const youngest = (await this.#micros()) - query.olderThanMs * 1e3;
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

  async #take(ids: readonly string[]): Promise<void> {
    await this.#run('take', [this.keys.queuedJobs, this.keys.turns], ids);
  }

  async #leave(jobs: readonly { id: string; tenant: string }[]): Promise<void> {
    const { openJobs, queuedJobs, leavingJobs } = this.keys;
    const byTenant = Map.groupBy(jobs, ({ tenant }) => tenant);
    await Promise.all(
      [...byTenant].map(([tenant, own]) => {
        const keys = [openJobs, queuedJobs, this.keys.openJobsOf(tenant), leavingJobs];
        return this.#run('leave', keys, [tenant, this.#recordMs, this.#retentionMs, ...own.map(({ id }) => id)]);
      }),
    );
  }

  /** Redis's clock, µs since the epoch. */
  async #micros(): Promise<number> {
    const [seconds, micros] = await this.redis.time();
    return Number(seconds) * 1e6 + Number(micros);
  }

  async #remove(id: string, keys: readonly string[]): Promise<void> {
    const transaction = this.redis.multi();
    for (const key of keys) transaction.zrem(key, id);
    await transaction.exec();
  }
}

/** A member of the set of leaving jobs. No request id has a colon. */
function idAndTenant(member: string): { id: string; tenant: string } {
  const colon = member.indexOf(':');
  return { id: member.slice(0, colon), tenant: member.slice(colon + 1) };
}
