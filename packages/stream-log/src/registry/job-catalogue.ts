import { type JobRef, jobRef, tenantOf } from '@millrace/contracts';
import type { JobReader } from '../log/job-reader.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

export interface JobPage {
  readonly refs: readonly JobRef[];
  /** where the next page starts; null at the end */
  readonly nextCursor: string | null;
}

/** A job and what it has in Redis. */
interface Weighed {
  readonly ref: JobRef;
  readonly storedBytes: number;
}

/** Which jobs there are: to list, to find by id, to count what they have in Redis, and to let go of those that are gone.
 *  Its entries are written by {@link FairQueue}, and are hints like all of them. */
export class JobCatalogue {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    readonly reader: Pick<JobReader, 'outlines'>,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Newest first.
   *  @param tenant null for all tenants
   *  @param cursor of the page before */
  async list(query: { tenant: string | null; limit: number; cursor?: string | undefined }): Promise<JobPage> {
    const key = query.tenant === null ? this.keys.allJobs : this.keys.jobsOf(query.tenant);
    const from = query.cursor === undefined ? '+inf' : `(${query.cursor}`;
    const reply = await this.redis.zrange(key, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, query.limit, 'WITHSCORES');
    return pageOf(reply, query.limit);
  }

  /** Jobs that are not known to have ended, oldest first: what a sweep looks through.
   *  @param olderThanMs by Redis's clock, milliseconds */
  async open(query: { olderThanMs: number; limit: number; cursor?: string | undefined }): Promise<JobPage> {
    const { openJobs } = this.keys;
    const youngest = String((await this.#micros()) - query.olderThanMs * 1e3);
    const from = query.cursor === undefined ? '-inf' : `(${query.cursor}`;
    const reply = await this.redis.zrange(openJobs, from, youngest, 'BYSCORE', 'LIMIT', 0, query.limit, 'WITHSCORES');
    return pageOf(reply, query.limit);
  }

  /** The jobs of all tenants that have an id. */
  async holdersOf(id: string): Promise<JobRef[]> {
    // `0` comes right after `/`
    const members = await this.redis.zrange(this.keys.holders, `[${id}/`, `(${id}0`, 'BYLEX');
    return members.map((member) => jobRef(member.slice(id.length + 1), id));
  }

  /** Puts down what open jobs have in Redis now: a running one grows.
   *  @param jobs of any tenants; one that is not counted, or has left since it was looked at, stays as it is */
  weigh(jobs: readonly Weighed[]): Promise<void> {
    return this.#weigh(jobs, true);
  }

  async #weigh(jobs: readonly Weighed[], wereOpen: boolean): Promise<void> {
    const byTenant = Map.groupBy(jobs, ({ ref }) => tenantOf(ref));
    await Promise.all(
      [...byTenant].map(([tenant, own]) => {
        const pairs = own.flatMap(({ ref, storedBytes }) => [ref, storedBytes]);
        const lists = [this.keys.storedBytesOf(tenant), this.keys.openJobsOf(tenant)];
        return this.#run('weigh', lists, [wereOpen ? '1' : '', ...pairs]);
      }),
    );
  }

  /** @returns what a tenant's jobs have in Redis, bytes: as counted when they were admitted, swept or ended */
  async storedBytesOf(tenant: string): Promise<number> {
    return Number((await this.redis.hget(this.keys.storedBytesOf(tenant), 'total')) ?? 0);
  }

  /** Takes jobs out of the lists whose records are gone, and logs that are gone out of the count.
   *  @param limit how many of each at the most
   *  @returns the larger of the two numbers that were due: fewer than `limit` when none is left */
  async purgeExpired(limit: number): Promise<number> {
    const nowMs = Math.floor((await this.#micros()) / 1e3);
    const { leavingJobs, leavingLogs, allJobs, holders } = this.keys;
    const [logs, records] = await Promise.all([
      this.#due(leavingLogs, nowMs, limit),
      this.#due(leavingJobs, nowMs, limit),
    ]);
    await this.#uncountLogs(logs);
    const byTenant = Map.groupBy(records, tenantOf);
    for (const [tenant, refs] of byTenant) {
      const keys = [leavingJobs, allJobs, this.keys.jobsOf(tenant), holders, this.keys.storedBytesOf(tenant)];
      await this.#run('purge', keys, [nowMs, ...refs]);
    }
    return Math.max(logs.length, records.length);
  }

  async #due(list: string, nowMs: number, limit: number): Promise<JobRef[]> {
    return (await this.redis.zrange(list, '-inf', String(nowMs), 'BYSCORE', 'LIMIT', 0, limit)) as JobRef[];
  }

  async #uncountLogs(refs: readonly JobRef[]): Promise<void> {
    if (refs.length === 0) return;
    const jobs = await this.reader.outlines(refs);
    await this.#weigh(
      jobs.flatMap((job) => (job === null ? [] : { ref: job.ref, storedBytes: job.bytes.kept })),
      false,
    );
    await this.redis.zrem(this.keys.leavingLogs, ...refs);
  }

  /** Redis's clock, µs since the epoch. */
  async #micros(): Promise<number> {
    const [seconds, micros] = await this.redis.time();
    return Number(seconds) * 1e6 + Number(micros);
  }
}

/** @param reply members and their scores, in turns */
function pageOf(reply: readonly string[], limit: number): JobPage {
  const refs = reply.filter((_, place) => place % 2 === 0) as JobRef[];
  return { refs, nextCursor: refs.length < limit ? null : (reply.at(-1) ?? null) };
}
