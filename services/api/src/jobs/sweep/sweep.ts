import type { EventId } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { type Followers, isFinished, type JobIndex, type JobOutline, type JobReader } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ApiSettings } from '../../settings.ts';
import { FOLLOWERS, JOB_INDEX, JOB_READER, LOGGER, SETTINGS } from '../../tokens.ts';
import { JobQueue } from '../queue/job-queue.ts';
import { AskedFor } from './asked-for.ts';

/** A younger job may still be on its way to the queue. */
const MIN_AGE_MS = 5_000;
const BATCH = 200;
const FORGOTTEN_AT_ONCE = 1_000;

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
  /** who may own an entry whose record is gone */
  readonly #tenants: readonly string[];
  /** running jobs that the last sweep found without an entry, and how far they had come */
  #adrift: ReadonlyMap<string, EventId> = new Map();
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(JOB_INDEX) private readonly index: JobIndex,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(FOLLOWERS) private readonly followers: Followers,
    @Inject(AskedFor) private readonly askedFor: AskedFor,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#everyMs = settings.MILLRACE_SWEEP_MS;
    this.#tenants = [...new Set(['default', ...settings.MILLRACE_API_KEYS.map(({ tenant }) => tenant)])];
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
    const adrift = new Map<string, EventId>();
    let requeued = 0;
    let cursor: string | null = null;
    do {
      const page = await this.index.open({ olderThanMs: MIN_AGE_MS, limit: BATCH, cursor: cursor ?? undefined });
      for (const id of page.ids) waitedFor.delete(id);
      requeued += await this.#unlessItFails(this.#sweepPage(page.ids, adrift));
      cursor = page.nextCursor;
    } while (cursor !== null && !this.#stopped);
    requeued += await this.#unlessItFails(this.#sweepUnlisted([...waitedFor], adrift));
    this.#adrift = adrift;
    await this.index.prune();
    await this.#forgetExpired();
    return requeued;
  }

  /** What has no record any more is listed no longer. */
  async #forgetExpired(): Promise<void> {
    let due = FORGOTTEN_AT_ONCE;
    while (due === FORGOTTEN_AT_ONCE && !this.#stopped) due = await this.index.forget(FORGOTTEN_AT_ONCE);
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

  async #sweepPage(ids: readonly string[], adrift: Map<string, EventId>): Promise<number> {
    const jobs = await this.reader.outlines(ids);
    const open: JobOutline[] = [];
    await Promise.all(
      jobs.map(async (job, place) => {
        if (job === null) await this.#forget(ids[place]);
        else if (isFinished(job.status)) await this.index.left(job);
        else open.push(job);
      }),
    );
    return this.#requeue(open, adrift);
  }

  /** Jobs that the index does not name. Most have just ended; what has not is to be found there again. */
  async #sweepUnlisted(ids: readonly string[], adrift: Map<string, EventId>): Promise<number> {
    let requeued = 0;
    for (let start = 0; start < ids.length && !this.#stopped; start += BATCH) {
      const jobs = await this.reader.outlines(ids.slice(start, start + BATCH));
      const open = jobs.filter((job) => job !== null).filter(({ status }) => !isFinished(status));
      await Promise.all(open.map((job) => this.index.restore(job)));
      for (const { id, attempt } of open) this.logger.warn({ requestId: id, attempt }, 'listed again');
      requeued += await this.#requeue(open, adrift);
    }
    return requeued;
  }

  /** Queues those of the jobs that have no entry. A running one may have a worker still, which would be fenced: as long
   *  as it says something between two sweeps it is left alone.
   *  @param adrift takes the running ones, for the next sweep
   *  @returns how many were queued */
  async #requeue(jobs: readonly JobOutline[], adrift: Map<string, EventId>): Promise<number> {
    const missing = new Set(await this.queue.missing(jobs.map(({ id }) => id)));
    const lost = jobs.filter(({ id, status, lastEventId }) => {
      if (!missing.has(id)) return false;
      if (status !== 'active' || this.#adrift.get(id) === lastEventId) return true;
      adrift.set(id, lastEventId);
      return false;
    });
    await Promise.all(lost.map((job) => this.#enqueue(job)));
    for (const { id, attempt } of lost) this.logger.warn({ requestId: id, attempt }, 'queued again');
    return lost.length;
  }

  async #enqueue(job: JobOutline): Promise<void> {
    await this.queue.enqueue({ id: job.id, priority: await this.index.priorityOf(job) });
  }

  /** @returns what was swept; 0 for a page that could not be */
  #unlessItFails(swept: Promise<number>): Promise<number> {
    return swept.catch((error: unknown) => {
      this.logger.debug({ err: error }, 'page not swept');
      return 0;
    });
  }

  /** An admission whose record was never made, or has expired. */
  async #forget(id: string | undefined): Promise<void> {
    if (id === undefined) return;
    await Promise.all(this.#tenants.map((tenant) => this.index.withdraw({ id, tenant })));
  }
}
