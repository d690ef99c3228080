import { type EventId, idOf, type JobRef, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import {
  type FairQueue,
  isFinished,
  type JobCatalogue,
  type JobOutline,
  type JobPage,
  type JobReader,
  type Subscribers,
  type SweepTurn,
  type TenantSlots,
  type UsageSettlement,
} from '@millrace/stream-log';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { AuditEntry } from '../../auth/audit-log.ts';
import type { AuditTrail } from '../../auth/audit-trail.ts';
import type { ApiSettings } from '../../settings.ts';
import { type JobQueue, remainingDelayMs } from '../queue/job-queue.ts';
import type { MasterKeyRotation } from './master-key-rotation.ts';
import type { ThreadSweep } from './thread-sweep.ts';
import type { UnlistedJobs } from './unlisted-jobs.ts';

/** A younger job may still be on its way to the queue, milliseconds. */
const MIN_AGE_MS = 5_000;
const BATCH = 200;
const PURGE_BATCH = 1_000;
/** For how many sweeps a node has the turn: one that dies must be replaced before a job has waited for 10 s. */
const LEASE_SWEEPS = 1.5;
/** After how many sweeps a node gives its turn back: what it alone cannot do, such as reach a key, another one does. */
const SWEEPS_IN_TURN = 12;
/** The most that a node comes after the end of another one's turn, milliseconds: they must not all come at once. */
const APART_MS = 200;

/** Of one shard, but for what has a docstring. */
export interface SweepPorts {
  readonly fairQueue: FairQueue;
  readonly turn: SweepTurn;
  readonly catalogue: JobCatalogue;
  readonly slots: TenantSlots;
  readonly reader: JobReader;
  readonly queue: JobQueue;
  readonly threads: ThreadSweep;
  readonly subscribers: Subscribers;
  readonly unlistedJobs: UnlistedJobs;
  readonly settlement: UsageSettlement;
  /** of the whole deployment; null: it is left to the sweep of another shard */
  readonly rotation: MasterKeyRotation | null;
  readonly trail: AuditTrail<AuditEntry>;
  readonly logger: Logger;
  /** Whether the shard has a job, whose thread it has. If not, it is noted where it is. */
  readonly isHere: (ref: JobRef) => Promise<boolean>;
}

/** Queues recorded jobs that have no queue entry (law 15), because a node died after it recorded the job, or because the
 *  entry was lost. One node has the turn, and another one takes it when that one is silent. Two may sweep at once: an id is
 *  queued at most once, and the entry of an ended job does nothing.
 *
 *  On a cluster, index and queue have slots of their own, so Redis may lose both and keep the record. A node finds such a
 *  job if its callers follow it or ask for it: every node checks the jobs of its callers that the registry does not list.
 *
 *  It finds jobs and tenants in Redis only: a tenant may have left the settings. */
export class Sweep implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #everyMs: number;
  /** running jobs that the last sweep found without an entry, and their last event then */
  #adrift: ReadonlyMap<JobRef, EventId> = new Map();
  /** since this node has had the turn */
  #sweeps = 0;
  /** in this sweep: another node may do better */
  #hasFailed = false;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  /** what a key management service or PostgreSQL may hold up, each once at a time: the sweep does not wait for it */
  readonly #beside = new Map<() => Promise<unknown>, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(
    settings: ApiSettings,
    private readonly ports: SweepPorts,
  ) {
    this.#everyMs = settings.MILLRACE_SWEEP_MS;
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  onApplicationBootstrap(): void {
    this.#schedule();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
    await Promise.all(this.#beside.values());
    await this.#giveBack();
  }

  /** So that nobody waits for the end of this node's turn. Where Redis does not answer it ends by itself. */
  async #giveBack(): Promise<void> {
    this.#sweeps = 0;
    await this.ports.turn.giveBack().catch((error: unknown) => this.ports.logger.debug({ err: error }, 'turn kept'));
  }

  /** Checks all unfinished jobs once, and those that callers of this node wait for. A page that fails is left to the next
   *  sweep.
   *  @returns how many jobs were queued again */
  async sweep(): Promise<number> {
    const waitedFor = new Set([...(await this.#busyThreads()), ...this.#waitedFor()]);
    const adrift = new Map<JobRef, EventId>();
    let requeued = 0;
    let cursor: string | null = null;
    do {
      const page: JobPage = await this.ports.catalogue.open({
        olderThanMs: MIN_AGE_MS,
        limit: BATCH,
        cursor: cursor ?? undefined,
      });
      for (const ref of page.refs) waitedFor.delete(ref);
      requeued += await this.#orZero(this.#sweepPage(page.refs, adrift));
      cursor = page.nextCursor;
    } while (cursor !== null && !this.#stopped);
    requeued += await this.#orZero(this.#sweepUnlisted([...waitedFor], adrift));
    this.#adrift = adrift;
    await this.ports.fairQueue.pruneStale();
    this.#runBeside(this.#settleUsage);
    this.#runBeside(this.#purgeThreads);
    await this.#purgeExpired(this.ports.catalogue);
    await this.ports.trail.trim();
    return requeued;
  }

  /** Checks the jobs that callers of this node wait for and that no sweep comes to, while another node has the turn.
   *  @returns how many jobs were queued again */
  async sweepOwn(): Promise<number> {
    const adrift = new Map<JobRef, EventId>();
    const requeued = await this.#sweepUnlisted(await this.ports.catalogue.unlisted([...this.#waitedFor()]), adrift);
    this.#adrift = adrift;
    return requeued;
  }

  /** Of this node's callers. */
  #waitedFor(): Set<JobRef> {
    const { subscribers, unlistedJobs } = this.ports;
    return new Set([...subscribers.followedFor(MIN_AGE_MS), ...unlistedJobs.removeOlderThan(MIN_AGE_MS)]);
  }

  /** @returns for how long another node has the turn, milliseconds; 0: this one has swept */
  async #takeTurn(): Promise<number> {
    // each node knows its own master keys
    this.#runBeside(this.#rotate);
    const takenMs = await this.ports.turn.take(Math.ceil(this.#everyMs * LEASE_SWEEPS));
    if (takenMs > 0) {
      this.#sweeps = 0;
      await this.sweepOwn();
      return takenMs;
    }
    this.#sweeps += 1;
    this.#hasFailed = false;
    let isLast = true;
    try {
      await this.sweep();
      isLast = this.#hasFailed || this.#sweeps >= SWEEPS_IN_TURN;
    } finally {
      if (isLast) await this.#giveBack();
    }
    return 0;
  }

  /** Counts what nobody has reported of ended jobs, before their records expire. */
  readonly #settleUsage = () => this.ports.settlement.sweep(BATCH, { signal: this.#stop.signal });

  readonly #rotate = async () => this.ports.rotation?.run(this.#stop.signal);

  #runBeside(task: () => Promise<unknown>): void {
    if (this.#beside.has(task) || this.#stopped) return;
    const run = task()
      .then(
        () => undefined,
        (error: unknown) => this.ports.logger.debug({ err: error }, 'sweep failed'),
      )
      .finally(() => this.#beside.delete(task));
    this.#beside.set(task, run);
  }

  readonly #purgeThreads = () => this.#purgeExpired(this.ports.threads);

  /** Removes from the lists what has expired. */
  async #purgeExpired(list: Pick<ThreadSweep, 'purgeExpired'>): Promise<void> {
    let due = PURGE_BATCH;
    while (due === PURGE_BATCH && !this.#stopped) due = await list.purgeExpired(PURGE_BATCH);
  }

  // jitter keeps nodes from sweeping in step; it only shortens, because timers have an upper bound
  /** @param takenMs for how long another node has the turn, milliseconds: it may have died */
  #schedule(takenMs = 0): void {
    if (this.#stopped) return;
    const everyMs = this.#everyMs * (0.75 + Math.random() / 4);
    const delayMs = takenMs === 0 ? everyMs : Math.min(everyMs, takenMs + Math.random() * APART_MS);
    this.#timer = setTimeout(() => {
      this.#running = this.#takeTurn().then(
        (taken) => this.#schedule(taken),
        (error: unknown) => {
          this.ports.logger.debug({ err: error }, 'sweep failed');
          this.#schedule();
        },
      );
    }, delayMs);
  }

  async #sweepPage(refs: readonly JobRef[], adrift: Map<JobRef, EventId>): Promise<number> {
    const jobs = await this.ports.reader.outlines(refs);
    const open: JobOutline[] = [];
    const outcomes = await Promise.allSettled(
      jobs.map(async (job, place) => {
        if (job === null) await this.#dropAdmission(refs[place]);
        else if (isFinished(job.status)) await this.#retire(job);
        else open.push(job);
      }),
    );
    // left to the next sweep: a tenant's key that cannot be had must not hold up the others
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') this.ports.logger.debug({ err: outcome.reason }, 'job not swept');
    }
    await this.ports.catalogue.account(open.map((job) => ({ ref: job.ref, storedBytes: storedBytes(job) })));
    return this.#requeue(open, adrift);
  }

  /** Lists and queues jobs again that the registry does not list. Most have just ended and are ignored. */
  async #sweepUnlisted(refs: readonly JobRef[], adrift: Map<JobRef, EventId>): Promise<number> {
    let requeued = 0;
    for (let start = 0; start < refs.length && !this.#stopped; start += BATCH) {
      const jobs = await this.ports.reader.outlines(refs.slice(start, start + BATCH));
      const open = jobs.filter((job) => job !== null).filter(({ status }) => !isFinished(status));
      await Promise.all(open.map((job) => this.ports.fairQueue.restore(job)));
      for (const { jobId, tenant, attempt } of open)
        this.ports.logger.warn({ requestId: jobId, tenant, attempt }, 'listed again');
      requeued += await this.#requeue(open, adrift);
    }
    return requeued;
  }

  /** Queues the jobs that have no entry. A running job may still have its worker, which a new attempt would fence off: it
   *  is left alone as long as it stores events between two sweeps.
   *  @param adrift receives the running jobs, for the next sweep
   *  @returns how many jobs were queued */
  async #requeue(jobs: readonly JobOutline[], adrift: Map<JobRef, EventId>): Promise<number> {
    const attempts = new Map(jobs.map(({ ref, attempt }) => [ref, attempt]));
    const missing = new Set(await this.ports.queue.missing([...attempts.keys()]));
    const lost = jobs.filter(({ ref, status, lastEventId }) => {
      if (!missing.has(ref)) return false;
      if (status !== 'active' || this.#adrift.get(ref) === lastEventId) return true;
      adrift.set(ref, lastEventId);
      return false;
    });
    // jobs that wait in their threads are not lost, nor are parked ones: they wait for a slot of their tenant
    const runnable = new Map((await this.ports.threads.toQueue(lost)).map((job) => [job.ref, job]));
    const refs = await this.ports.slots.toQueueAgain([...runnable.keys()]);
    await Promise.all(refs.map((ref) => this.#enqueue(runnable.get(ref) ?? { ref, attempt: attempts.get(ref) ?? 0 })));
    for (const ref of refs) this.ports.logger.warn({ requestId: idOf(ref), tenant: tenantOf(ref) }, 'queued again');
    return refs.length;
  }

  /** A parked job that has a slot now is known by its reference only. */
  async #enqueue(job: JobOutline | { readonly ref: JobRef; readonly attempt: number }): Promise<void> {
    const delayMs = 'delayMs' in job && job.attempt === 0 ? remainingDelayMs(job) : 0;
    await this.ports.queue.enqueue({ ref: job.ref, priority: await this.ports.fairQueue.priorityOf(job), delayMs });
  }

  /** The thread first: as long as the registry lists the job, the next sweep tells the thread. */
  async #retire(job: JobOutline): Promise<void> {
    // its thread must learn of its questions: the next sweep tries again
    if (job.unreadable?.reason === 'unavailable') return;
    await this.ports.threads.leave(job);
    const usage = this.ports.settlement.recorded(job);
    await this.ports.fairQueue.retire({ ref: job.ref, keptBytes: storedBytes(job), usage });
  }

  /** @returns the jobs of this shard that have the turn in threads of this shard */
  async #busyThreads(): Promise<JobRef[]> {
    try {
      const refs = await this.ports.threads.mendBusy(MIN_AGE_MS);
      const areHere = await Promise.all(refs.map((ref) => this.ports.isHere(ref)));
      return refs.filter((_, place) => areHere[place]);
    } catch (error) {
      this.ports.logger.debug({ err: error }, 'threads not swept');
      return [];
    }
  }

  /** @returns 0 if the sweep of a page failed */
  #orZero(swept: Promise<number>): Promise<number> {
    return swept.catch((error: unknown) => {
      this.#hasFailed = true;
      this.ports.logger.debug({ err: error }, 'page not swept');
      return 0;
    });
  }

  /** Drops an admission whose record was never made or has expired. A worker may have had it: its slot is free again. */
  async #dropAdmission(ref: JobRef | undefined): Promise<void> {
    if (ref === undefined) return;
    await this.ports.fairQueue.dropAdmission(ref);
    await this.ports.fairQueue.freeSlot(ref);
  }
}

function storedBytes({ bytes }: JobOutline): number {
  return bytes.kept + bytes.request + bytes.log;
}
