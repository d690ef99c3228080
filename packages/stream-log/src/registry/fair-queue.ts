import { type JobRef, type JobStatus, MAX_DELAY_MS, tenantOf } from '@millrace/contracts';
import type { NewJob } from '../log/new-job.ts';
import type { LogLimits } from '../log/record.ts';
import type { KeySpace } from '../redis/keys.ts';
import { MicroBatcher } from '../redis/micro-batcher.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import type { UsageReport } from './usage-report.ts';

export interface AdmissionLimits {
  readonly maxQueued: number;
  readonly maxOpenPerTenant: number;
  /** bytes that one tenant's jobs have in Redis */
  readonly maxStoredBytesPerTenant: number;
  /** tokens that one tenant may use on a day; null: any number; left out: what was last said of it stays */
  readonly maxTokensPerDay?: number | null;
}

/** The ledger waits for the record. */
const UNKNOWN: UsageReport = { total: 'unknown', attempts: {} };

/** A job's place in the queue: 0 is first in line, then smaller is earlier. BullMQ's range. */
const MAX_PRIORITY = 2 ** 21 - 1;

const NO_LIMITS: AdmissionLimits = {
  maxQueued: Number.MAX_SAFE_INTEGER,
  maxOpenPerTenant: Number.MAX_SAFE_INTEGER,
  maxStoredBytesPerTenant: Number.MAX_SAFE_INTEGER,
};

export type Admission =
  /** `priority`: see {@link FairQueue} */
  | { readonly outcome: 'admitted'; readonly priority: number }
  | { readonly outcome: 'queue-full' | 'too-many-jobs' | 'too-many-bytes' }
  /** `left`: of the tenant's tokens of the day */
  | { readonly outcome: 'too-many-tokens'; readonly left: number };

const REFUSALS = new Map<number, Exclude<Admission['outcome'], 'admitted' | 'too-many-tokens'>>([
  [-1, 'queue-full'],
  [-2, 'too-many-jobs'],
  [-3, 'too-many-bytes'],
]);

/** What the ledger must know of a job. */
interface MeteredJob {
  readonly pipeline: string;
  readonly model: string;
  /** tokens that it is expected to use at most; reserved if its tenant has a limit of the day */
  readonly reservedTokens?: number;
}

/** A job that has ended. */
export interface EndedJob {
  readonly ref: JobRef;
  /** what the caller knows of its usage; left out, the ledger learns of it from the record, a sweep later */
  readonly usage?: UsageReport;
  /** what it keeps in Redis; null when that is not known: what was counted last then stays */
  readonly keptBytes: number | null;
}

/** Which jobs are open, whose they are and which is next; it finds what fell between record and queue (law 15).
 *
 *  It is kept beside the records, which live in slots of their own. So it is written *before* a record is opened and
 *  cleared *after* it was closed, and its entries are hints that readers must check.
 *
 *  Tenants are served round robin, whatever they have queued (self-clocked fair queueing). An admitted job gets the
 *  fair turn `1 + max(last open turn of its tenant, turn last started, first queued turn − 1)`, and the queue is in
 *  order of turn, then of arrival. Why nobody starves: a tenant has one job per turn, turns are started in order, and
 *  no newcomer gets a turn that has been started. So a waiting job of turn `t` waits, at most, for one job of each
 *  other tenant per turn from the present one to `t`, however many they have queued. A tenant that was idle joins at
 *  the present turn: it has saved up nothing and owes nothing. No clock is involved.
 *
 *  The queue gets a priority: the turn, counted from a base that moves up whenever no job is queued, within BullMQ's
 *  range. Beyond it, after 2,097,151 turns in which the queue was never once empty, newcomers are in order of arrival
 *  behind all others until it is. A job that a worker has had before goes first, with priority 0: bases have moved
 *  since, and its turn is past.
 *  @see docs/adr/0017-fairness-across-tenants.md */
export class FairQueue {
  /** Called with the parked jobs that got the slots of jobs that ended, or were given back: they are to be queued.
   *  @see TenantSlots */
  onUnparked: (refs: readonly JobRef[]) => void = () => undefined;
  readonly #run: RunScript;
  /** how long a job stays in the lists at most, ms: no record lives longer */
  readonly #retentionMs: number;
  readonly #started = new MicroBatcher<JobRef>((refs) => this.#start(refs));
  readonly #retired = new MicroBatcher<EndedJob>((jobs) => this.#retire(jobs));

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    readonly limits: Pick<
      LogLimits,
      'recordRetentionMs' | 'logRetentionMs' | 'archivedRetentionMs' | 'unfinishedRetentionMs'
    >,
  ) {
    this.#run = scriptsOf(redis);
    this.#retentionMs = MAX_DELAY_MS + limits.unfinishedRetentionMs + limits.recordRetentionMs;
  }

  /** Counts a job in; one that is counted already is always admitted, and keeps its turn.
   *  @param job its thread, if it has one, lists it too; the ledger ignores it unless it is `metered` */
  async admit(
    job: Pick<NewJob, 'ref' | 'keptBytes' | 'requestBytes'> & {
      readonly threadId?: string | null | undefined;
      readonly metered?: MeteredJob | undefined;
    },
    limits: AdmissionLimits,
  ): Promise<Admission> {
    const { openJobs, queuedJobs, allJobs, fairTurns, expiringJobs, expiringLogs, holders } = this.keys;
    const tenant = tenantOf(job.ref);
    const own = [this.keys.openJobsOf(tenant), this.keys.jobsOf(tenant)];
    const keys = [openJobs, queuedJobs, allJobs, ...own, fairTurns, expiringJobs, expiringLogs, holders];
    const { maxQueued, maxOpenPerTenant, maxStoredBytesPerTenant } = limits;
    const args = [job.ref, maxQueued, maxOpenPerTenant, this.#retentionMs, MAX_PRIORITY];
    const bytes = [job.keptBytes + job.requestBytes, maxStoredBytesPerTenant];
    const { pipeline = '', model = '', reservedTokens = 0 } = job.metered ?? {};
    const maxTokens = limits.maxTokensPerDay === null ? 'none' : (limits.maxTokensPerDay ?? '');
    const metered = [pipeline, model, reservedTokens, maxTokens];
    const ledger = [this.keys.usageOf(tenant), this.keys.unsettledJobs];
    const admitted = this.#run(
      'admit',
      [...keys, this.keys.storedBytesOf(tenant), ...ledger],
      [...args, ...bytes, ...metered],
    );
    // right behind it on the same connection: no further round trip
    const [reply] = await Promise.all([admitted, job.threadId ? this.#join(job.ref, job.threadId) : null]);
    if (Array.isArray(reply)) return { outcome: 'too-many-tokens', left: Number(reply[1]) };
    const priority = Number(reply);
    const outcome = REFUSALS.get(priority);
    return outcome === undefined ? { outcome: 'admitted', priority } : { outcome };
  }

  /** The place in the queue of a job that is queued again: the one it had, or first in line when a worker has had it.
   *  @returns 0 for first in line, also when its turn is not known */
  async priorityOf(job: { readonly ref: JobRef; readonly attempt: number }): Promise<number> {
    if (job.attempt > 0) return 0;
    const [turn, base] = await Promise.all([
      this.redis.zscore(this.keys.openJobsOf(tenantOf(job.ref)), job.ref),
      this.redis.hget(this.keys.fairTurns, 'base'),
    ]);
    return turn === null ? 0 : Math.max(1, Math.min(Number(turn) - Number(base), MAX_PRIORITY));
  }

  /** Counts a job in again whose entries Redis has lost, whatever the limits: it was admitted before. It is listed as
   *  a new arrival. */
  async restore(job: {
    readonly ref: JobRef;
    readonly attempt: number;
    readonly status: JobStatus;
    readonly threadId?: string | null;
    readonly pipeline: string;
    readonly model: string;
    readonly bytes: { readonly kept: number; readonly request: number; readonly log: number };
  }): Promise<void> {
    const { kept, request, log } = job.bytes;
    const { ref, threadId } = job;
    await this.admit({ ref, threadId, keptBytes: kept + log, requestBytes: request, metered: job }, NO_LIMITS);
    // a job that a worker has had is queued no more, or is first in line
    if (job.status === 'active') await this.redis.zrem(this.keys.queuedJobs, job.ref);
    else if (job.attempt > 0) await this.redis.zadd(this.keys.queuedJobs, 'XX', 0, job.ref);
  }

  /** Undoes an admission whose job was not opened, or was erased.
   *  @param threadId of the thread that lists it */
  async dropAdmission(ref: JobRef, threadId: string | null | undefined = null): Promise<void> {
    const tenant = tenantOf(ref);
    const { openJobs, queuedJobs, allJobs, expiringJobs, expiringLogs, holders } = this.keys;
    const own = [this.keys.openJobsOf(tenant), this.keys.jobsOf(tenant)];
    const parked = this.keys.parkedJobsOf(tenant);
    const lists = [openJobs, queuedJobs, allJobs, ...own, expiringJobs, expiringLogs, parked];
    await Promise.all([
      this.#run(
        'drop',
        [
          ...[...lists, holders, this.keys.storedBytesOf(tenant), this.keys.usageOf(tenant), this.keys.unsettledJobs],
          this.keys.unarchivedJobs,
        ],
        [ref],
      ),
      threadId ? this.redis.zrem(this.keys.jobsOfThread(tenant, threadId), ref) : null,
    ]);
  }

  async #join(ref: JobRef, threadId: string): Promise<unknown> {
    const tenant = tenantOf(ref);
    return this.#run(
      'join',
      [this.keys.jobsOf(tenant), this.keys.jobsOfThread(tenant, threadId)],
      [ref, this.#retentionMs],
    );
  }

  /** A worker has started the job: newcomers go behind its turn. */
  markStarted(ref: JobRef): Promise<void> {
    return this.#started.add(ref);
  }

  /** A worker has given the job back to the queue, where it is first in line. */
  async markReleased(ref: JobRef): Promise<void> {
    await Promise.all([this.redis.zadd(this.keys.queuedJobs, 'NX', 0, ref), this.freeSlot(ref)]);
  }

  /** A job has given up its slot without having ended here: another of its tenant may have it. */
  async freeSlot(ref: JobRef): Promise<void> {
    const tenant = tenantOf(ref);
    const keys = [this.keys.runningJobsOf(tenant), this.keys.parkedJobsOf(tenant)];
    this.#unparked(await this.#run('free', keys, [ref]));
  }

  /** Removes queued jobs that are no longer open: a hint that is written late outlives its job. */
  async pruneStale(): Promise<void> {
    const stale = (await this.redis.zdiff(2, [this.keys.queuedJobs, this.keys.openJobs])) as string[];
    if (stale.length > 0) await this.redis.zrem(this.keys.queuedJobs, ...stale);
  }

  /** The job has ended: it counts no more, and is listed until its record expires. */
  retire(job: EndedJob): Promise<void> {
    return this.#retired.add(job);
  }

  /** @returns from 1: the tenant's own queued jobs up to this one, and one for all others together when any of theirs
   *    goes before it; null when it is not queued */
  async positionOf(ref: JobRef): Promise<number | null> {
    const keys = [this.keys.queuedJobs, this.keys.openJobsOf(tenantOf(ref))];
    return (await this.#run('position', keys, [ref])) as number | null;
  }

  async #start(refs: readonly JobRef[]): Promise<void> {
    await this.#run('start', [this.keys.queuedJobs, this.keys.fairTurns], refs);
  }

  async #retire(jobs: readonly EndedJob[]): Promise<void> {
    const { openJobs, queuedJobs, expiringJobs, expiringLogs } = this.keys;
    const { recordRetentionMs, logRetentionMs, archivedRetentionMs } = this.limits;
    const byTenant = Map.groupBy(jobs, ({ ref }) => tenantOf(ref));
    await Promise.all(
      [...byTenant].map(async ([tenant, ended]) => {
        const lists = [openJobs, queuedJobs, this.keys.openJobsOf(tenant), expiringJobs, expiringLogs];
        const own = [
          ...[this.keys.storedBytesOf(tenant), this.keys.runningJobsOf(tenant)],
          ...[this.keys.parkedJobsOf(tenant), this.keys.jobsOf(tenant)],
          ...[this.keys.usageOf(tenant), this.keys.unsettledJobs, this.keys.tenantsWithUsage],
          this.keys.unarchivedJobs,
        ];
        const archives = archivedRetentionMs === undefined ? '' : '1';
        const times = [recordRetentionMs, logRetentionMs, this.#retentionMs, archives];
        const reports = ended.flatMap(({ ref, keptBytes, usage = UNKNOWN }) => [
          ...[ref, keptBytes ?? '', JSON.stringify(usage)],
        ]);
        this.#unparked(await this.#run('retire', [...lists, ...own], [...times, ...reports]));
      }),
    );
  }

  #unparked(reply: unknown): void {
    const refs = reply as JobRef[];
    if (refs.length > 0) this.onUnparked(refs);
  }
}
