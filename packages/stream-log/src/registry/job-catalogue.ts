import { type JobRef, jobRef, tenantOf } from '@millrace/contracts';
import type { JobReader } from '../log/job-reader.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

export interface JobPage {
  readonly refs: readonly JobRef[];
  /** where each of them stands: its arrival, µs */
  readonly places: readonly string[];
  /** where the next page starts; null at the end */
  readonly nextCursor: string | null;
  /** a shard did not answer: its jobs are left out */
  readonly isPartial?: boolean;
}

/** A job and what it has in Redis. */
interface StoredJob {
  readonly ref: JobRef;
  readonly storedBytes: number;
}

/** Jobs that are looked for at a time: a command must not hold up Redis. */
const PART = 1_000;

/** Which jobs there are: lists them, finds them by id, accounts for what they have in Redis, and removes those whose
 *  records have expired. {@link FairQueue} writes its entries, which are hints that readers must check. */
export class JobCatalogue {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    readonly reader: Pick<JobReader, 'outlines'>,
    readonly options: { readonly archives?: boolean } = {},
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Newest first.
   *  @param tenant null for all tenants
   *  @param threadId only jobs that name this thread of the tenant
   *  @param cursor of the page before */
  async list(query: {
    tenant: string | null;
    threadId?: string | undefined;
    limit: number;
    cursor?: string | undefined;
  }): Promise<JobPage> {
    const key = this.#listOf(query);
    const from = query.cursor === undefined ? '+inf' : `(${query.cursor}`;
    const reply = await this.redis.zrange(key, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, query.limit, 'WITHSCORES');
    return pageOf(reply, query.limit);
  }

  #listOf({ tenant, threadId }: { tenant: string | null; threadId?: string | undefined }): string {
    if (tenant === null) return this.keys.allJobs;
    return threadId === undefined ? this.keys.jobsOf(tenant) : this.keys.jobsOfThread(tenant, threadId);
  }

  /** Jobs that are not known to have ended, oldest first: what a sweep goes through.
   *  @param olderThanMs by Redis's clock, milliseconds */
  async open(query: { olderThanMs: number; limit: number; cursor?: string | undefined }): Promise<JobPage> {
    const { openJobs } = this.keys;
    const youngest = String((await this.#micros()) - query.olderThanMs * 1e3);
    const from = query.cursor === undefined ? '-inf' : `(${query.cursor}`;
    const reply = await this.redis.zrange(openJobs, from, youngest, 'BYSCORE', 'LIMIT', 0, query.limit, 'WITHSCORES');
    return pageOf(reply, query.limit);
  }

  /** @returns those that are not among the jobs that are not known to have ended: a sweep does not come to them */
  async unlisted(refs: readonly JobRef[]): Promise<JobRef[]> {
    const unlisted: JobRef[] = [];
    for (let start = 0; start < refs.length; start += PART) {
      const part = refs.slice(start, start + PART);
      const arrivals = await this.redis.zmscore(this.keys.openJobs, ...part);
      unlisted.push(...part.filter((_, place) => arrivals[place] === null));
    }
    return unlisted;
  }

  /** The jobs of all tenants that have an id. */
  async holdersOf(jobId: string): Promise<JobRef[]> {
    // `0` comes right after `/`
    const members = await this.redis.zrange(this.keys.holders, `[${jobId}/`, `(${jobId}0`, 'BYLEX');
    return members.map((member) => jobRef(member.slice(jobId.length + 1), jobId));
  }

  /** Stores what open jobs have in Redis now: running ones grow.
   *  @param jobs of any tenants; one that is not counted, or has ended since it was measured, is left as it is */
  account(jobs: readonly StoredJob[]): Promise<void> {
    return this.#account(jobs, true);
  }

  async #account(jobs: readonly StoredJob[], wereOpen: boolean): Promise<void> {
    const byTenant = Map.groupBy(jobs, ({ ref }) => tenantOf(ref));
    await Promise.all(
      [...byTenant].map(([tenant, own]) => {
        const pairs = own.flatMap(({ ref, storedBytes }) => [ref, storedBytes]);
        const lists = [this.keys.storedBytesOf(tenant), this.keys.openJobsOf(tenant)];
        return this.#run('account', lists, [wereOpen ? '1' : '', ...pairs]);
      }),
    );
  }

  /** @returns how many unfinished jobs a tenant has, and how many of them a worker has started */
  async openJobsOf(tenant: string): Promise<{ readonly open: number; readonly active: number }> {
    const { queuedJobs } = this.keys;
    const own = this.keys.openJobsOf(tenant);
    const [open, queued] = await Promise.all([this.redis.zcard(own), this.redis.zintercard(2, own, queuedJobs)]);
    return { open, active: Math.max(0, open - queued) };
  }

  /** @returns what a tenant's jobs have in Redis, bytes: as counted when they were admitted, swept or ended */
  async storedBytesOf(tenant: string): Promise<number> {
    return Number((await this.redis.hget(this.keys.storedBytesOf(tenant), 'total')) ?? 0);
  }

  /** @returns bytes that the tenant of a job has in other shards: this is one Redis, and there are none */
  async storedBytesElsewhere(_ref: JobRef): Promise<number> {
    return 0;
  }

  /** With an archive: whether jobs that came at a place of the lists, or later, may have left them.
   *  @param place a score of the lists, µs */
  async mayHaveLeftSince(place: string): Promise<boolean> {
    const latest = await this.redis.get(this.keys.latestLeft);
    // Redis may have lost it
    return latest === null || Number(latest) >= Number(place);
  }

  /** Removes jobs whose records have expired from the lists, and expired logs from the stored bytes.
   *  @param limit of each, at most
   *  @returns the larger of the two numbers that were due: fewer than `limit` when none is left */
  async purgeExpired(limit: number): Promise<number> {
    const nowMs = Math.floor((await this.#micros()) / 1e3);
    const { expiringJobs, expiringLogs, allJobs, holders } = this.keys;
    const [logs, records] = await Promise.all([
      this.#due(expiringLogs, nowMs, limit),
      this.#due(expiringJobs, nowMs, limit),
    ]);
    await this.#discountLogs(logs);
    const byTenant = Map.groupBy(records, tenantOf);
    for (const [tenant, refs] of byTenant) {
      const own = [this.keys.storedBytesOf(tenant), this.keys.usageOf(tenant)];
      const keys = [expiringJobs, allJobs, this.keys.jobsOf(tenant), holders, ...own, this.keys.unsettledJobs];
      const archives = this.options.archives ? '1' : '';
      await this.#run('purge', [...keys, this.keys.latestLeft], [nowMs, archives, ...refs]);
    }
    return Math.max(logs.length, records.length);
  }

  async #due(list: string, nowMs: number, limit: number): Promise<JobRef[]> {
    return (await this.redis.zrange(list, '-inf', String(nowMs), 'BYSCORE', 'LIMIT', 0, limit)) as JobRef[];
  }

  async #discountLogs(refs: readonly JobRef[]): Promise<void> {
    if (refs.length === 0) return;
    const jobs = await this.reader.outlines(refs);
    await this.#account(
      jobs.flatMap((job) => (job === null ? [] : { ref: job.ref, storedBytes: job.bytes.kept })),
      false,
    );
    await this.redis.zrem(this.keys.expiringLogs, ...refs);
  }

  /** Redis's clock, µs since the epoch. */
  async #micros(): Promise<number> {
    const [seconds, micros] = await this.redis.time();
    return Number(seconds) * 1e6 + Number(micros);
  }
}

/** @param reply members and their scores, alternating */
function pageOf(reply: readonly string[], limit: number): JobPage {
  const refs = reply.filter((_, place) => place % 2 === 0) as JobRef[];
  const places = reply.filter((_, place) => place % 2 === 1);
  return { refs, places, nextCursor: refs.length < limit ? null : (reply.at(-1) ?? null) };
}
