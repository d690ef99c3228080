import { type EventId, idOf, type JobRef, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import {
  type FairQueue,
  type Followers,
  isFinished,
  type JobCatalogue,
  type JobOutline,
  type JobPage,
  type JobReader,
  type TenantSlots,
} from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ApiSettings } from '../../settings.ts';
import { FAIR_QUEUE, FOLLOWERS, JOB_CATALOGUE, JOB_READER, LOGGER, SETTINGS, TENANT_SLOTS } from '../../tokens.ts';
import { JobQueue } from '../queue/job-queue.ts';
import { AskedFor } from './unlisted-jobs.ts';

/** A younger job may still be on its way to the queue. */
const MIN_AGE_MS = 5_000;
const BATCH = 200;
const PURGED_AT_ONCE = 1_000;

/** Finds what fell between record and queue, and queues it (law 15): a node that died after it had recorded a job, a
 *  queue entry that was lost. Every node sweeps; two at once do no harm, since an id is queued at most once and an
 *  entry whose job has ended does nothing.
 *
 *  Redis may lose index and queue together, which have slots of their own on a cluster, and keep the record. Such a job
 *  is found by those who wait for it: a node knows whom its callers follow or ask for, and looks after those of them
 *  that the index does not name. */
@Injectable()
export class Sweep implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #everyMs: number;
  /** running jobs that the last sweep found without an entry, and how far they had come */
  #adrift: ReadonlyMap<JobRef, EventId> = new Map();
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(TENANT_SLOTS) private readonly slots: TenantSlots,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(FOLLOWERS) private readonly followers: Followers,
    @Inject(AskedFor) private readonly askedFor: AskedFor,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#everyMs = settings.MILLRACE_SWEEP_MS;
  }

  onApplicationBootstrap(): void {
    this.#schedule();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  /** Looks through all jobs that are not known to have ended, once, and those that somebody waits for here. A page that
   *  cannot be swept is left to the next round.
   *  @returns how many were queued again */
  async run(): Promise<number> {
    const waitedFor = new Set([...this.followers.followedFor(MIN_AGE_MS), ...this.askedFor.take(MIN_AGE_MS)]);
    const adrift = new Map<JobRef, EventId>();
    let requeued = 0;
    let cursor: string | null = null;
    do {
      const page: JobPage = await this.catalogue.open({
        olderThanMs: MIN_AGE_MS,
        limit: BATCH,
        cursor: cursor ?? undefined,
      });
      for (const ref of page.refs) waitedFor.delete(ref);
      requeued += await this.#unlessItFails(this.#sweepPage(page.refs, adrift));
      cursor = page.nextCursor;
    } while (cursor !== null && !this.#stopped);
    requeued += await this.#unlessItFails(this.#sweepUnlisted([...waitedFor], adrift));
    this.#adrift = adrift;
    await this.fairQueue.pruneStale();
    await this.#purgeExpired();
    return requeued;
  }

  /** What has no record any more is listed no longer. */
  async #purgeExpired(): Promise<void> {
    let due = PURGED_AT_ONCE;
    while (due === PURGED_AT_ONCE && !this.#stopped) due = await this.catalogue.purgeExpired(PURGED_AT_ONCE);
  }

  // jitter keeps the nodes of a deployment from sweeping in step; downwards, since a timer has an upper bound
  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(
      () => {
        this.#running = this.run()
          .then(
            () => undefined,
            (error: unknown) => this.logger.debug({ err: error }, 'sweep failed'),
          )
          .finally(() => this.#schedule());
      },
      this.#everyMs * (0.75 + Math.random() / 4),
    );
  }

  async #sweepPage(refs: readonly JobRef[], adrift: Map<JobRef, EventId>): Promise<number> {
    const jobs = await this.reader.outlines(refs);
    const open: JobOutline[] = [];
    await Promise.all(
      jobs.map(async (job, place) => {
        if (job === null) await this.#dropAdmission(refs[place]);
        else if (isFinished(job.status)) await this.fairQueue.retire({ ref: job.ref, keptBytes: storedBytes(job) });
        else open.push(job);
      }),
    );
    await this.catalogue.weigh(open.map((job) => ({ ref: job.ref, storedBytes: storedBytes(job) })));
    return this.#requeue(open, adrift);
  }

  /** Jobs that the index does not name. Most have just ended; what has not is to be found there again. */
  async #sweepUnlisted(refs: readonly JobRef[], adrift: Map<JobRef, EventId>): Promise<number> {
    let requeued = 0;
    for (let start = 0; start < refs.length && !this.#stopped; start += BATCH) {
      const jobs = await this.reader.outlines(refs.slice(start, start + BATCH));
      const open = jobs.filter((job) => job !== null).filter(({ status }) => !isFinished(status));
      await Promise.all(open.map((job) => this.fairQueue.restore(job)));
      for (const { id, tenant, attempt } of open) this.logger.warn({ requestId: id, tenant, attempt }, 'listed again');
      requeued += await this.#requeue(open, adrift);
    }
    return requeued;
  }

  /** Queues those of the jobs that have no entry. A running one may have a worker still, which would be fenced: as long
   *  as it says something between two sweeps it is left alone.
   *  @param adrift takes the running ones, for the next sweep
   *  @returns how many were queued */
  async #requeue(jobs: readonly JobOutline[], adrift: Map<JobRef, EventId>): Promise<number> {
    const attempts = new Map(jobs.map(({ ref, attempt }) => [ref, attempt]));
    const missing = new Set(await this.queue.missing([...attempts.keys()]));
    const lost = jobs.filter(({ ref, status, lastEventId }) => {
      if (!missing.has(ref)) return false;
      if (status !== 'active' || this.#adrift.get(ref) === lastEventId) return true;
      adrift.set(ref, lastEventId);
      return false;
    });
    // those that are parked are not lost: they wait for a slot of their tenant
    const refs = await this.slots.toQueueAgain(lost.map(({ ref }) => ref));
    await Promise.all(refs.map((ref) => this.#enqueue({ ref, attempt: attempts.get(ref) ?? 0 })));
    for (const ref of refs) this.logger.warn({ requestId: idOf(ref), tenant: tenantOf(ref) }, 'queued again');
    return refs.length;
  }

  async #enqueue(job: { readonly ref: JobRef; readonly attempt: number }): Promise<void> {
    await this.queue.enqueue({ ref: job.ref, priority: await this.fairQueue.priorityOf(job) });
  }

  /** @returns what was swept; 0 for a page that could not be */
  #unlessItFails(swept: Promise<number>): Promise<number> {
    return swept.catch((error: unknown) => {
      this.logger.debug({ err: error }, 'page not swept');
      return 0;
    });
  }

  /** An admission whose record was never made, or has expired. */
  async #dropAdmission(ref: JobRef | undefined): Promise<void> {
    if (ref !== undefined) await this.fairQueue.dropAdmission(ref);
  }
}

function storedBytes({ bytes }: JobOutline): number {
  return bytes.kept + bytes.request + bytes.log;
}
