import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { idOf, type JobRef, QUEUE_NAME, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { NewerFormat } from '@millrace/stream-log';
import { DelayedError, type Job, WaitingError, Worker, type WorkerOptions } from 'bullmq';
import type { AloneJobs, AloneResult } from '../alone/alone-jobs.ts';
import type { JobRunner, PickUpResult } from '../attempt/job-runner.ts';
import type { WorkerSettings } from '../settings.ts';
import { closedUnlessLost } from '../shards/closed-unless-lost.ts';
import type { WorkerShard } from '../shards/worker-shard.ts';
import { consumerOptions, DRAIN_DELAY_SECONDS } from './consumer-options.ts';
import { observedBackend } from './observed-backend.ts';
import type { Requeuer } from './requeuer.ts';

/** A worker whose last fetch is older than this is not ready: two fetches of an idle worker, plus a margin for BullMQ's own
 *  timeout. */
const STALE_AFTER_MS = DRAIN_DELAY_SECONDS * 2_000 + 2_000;

/** Delay before an entry is retried after an unexpected error, or when its job was lost alone or found no process,
 *  milliseconds. */
const RETRY_MS = 1_000;

/** The same for a job whose thread is in a shard that is away: there may be thousands of them. */
const AWAY_RETRY_MS = 5_000;

/** How long jobs that are handed over may wait for a shard that does not answer, milliseconds. */
const HANDOVER_MS = 3_000;

export interface JobConsumerPorts {
  readonly runner: Pick<JobRunner, 'run'>;
  readonly alone: Pick<AloneJobs, 'run'>;
  /** of the shard */
  readonly requeuer: Pick<Requeuer, 'park' | 'awaitTurn'>;
  readonly shard: Pick<WorkerShard, 'index' | 'pin'>;
  /** jobs that it runs at once */
  readonly concurrency: number;
  readonly settings: WorkerSettings;
  readonly logger: Logger;
}

/** Consumes the jobs of one shard from BullMQ. An entry completes when nothing is left to run, whatever the outcome: the log is the
 *  truth, and the entry of a failed job completes too. */
export class JobConsumer {
  readonly #worker: Worker;
  /** per job, the pick-up that runs in this process */
  readonly #running = new Map<JobRef, Promise<PickUpResult>>();
  /** when BullMQ last fetched, or renewed its locks: monotonic time, milliseconds; 0 before the first fetch */
  #lastSeen = 0;
  #started = false;
  #stopping = false;
  #drained = false;

  /** @param queue location of the queue */
  constructor(
    readonly ports: JobConsumerPorts,
    queue: Pick<WorkerOptions, 'connection' | 'prefix'>,
  ) {
    this.#worker = new Worker(
      QUEUE_NAME,
      // BullMQ passes the signal only to a processor that declares three parameters
      (job, token, signal) => this.#process(job, token, signal),
      { ...consumerOptions(ports.settings, ports.concurrency), ...queue },
      observedBackend(() => this.#see()),
    );
    this.#listen();
  }

  /** Whether the worker fetches jobs, or renews their locks while all slots are busy. A ping would not tell: a worker can
   *  answer it and have stopped fetching. */
  get consuming(): boolean {
    return !this.#stopping && this.#lastSeen > 0 && performance.now() - this.#lastSeen < STALE_AFTER_MS;
  }

  /** Takes jobs from now on, unless it is drained. */
  start(): void {
    if (this.#stopping || this.#started) return;
    this.#started = true;
    if (this.#drained) return;
    this.#worker.run().catch((error: unknown) => {
      this.ports.logger.fatal({ err: error }, 'the worker has stopped consuming');
    });
  }

  /** Takes no further jobs, or takes jobs again. Those that run are left alone. */
  async setDrained(drained: boolean): Promise<void> {
    if (this.#stopping || this.#drained === drained) return;
    this.#drained = drained;
    if (!this.#started) return;
    if (drained) await this.#worker.pause(true);
    else await this.#worker.resume();
  }

  /** @returns the result for the `completed` event */
  async #process(job: Job, token?: string, signal?: AbortSignal): Promise<PickUpResult> {
    if (job.id === undefined || signal === undefined) throw new TypeError('BullMQ called without a job id or a signal');
    const ref = job.id as JobRef;
    using _place = this.ports.shard.pin(ref);
    // its fetch was under way when the worker was told to stop, or to drain: BullMQ ends it with a job
    if (this.#stopping || this.#drained) await handBack(job, token);
    const run = this.#run(job, ref, token, signal);
    this.#running.set(ref, run);
    try {
      return await run;
    } finally {
      await this.#awaitSuccessor(ref, run);
    }
  }

  async #run(job: Job, ref: JobRef, token: string | undefined, signal: AbortSignal): Promise<PickUpResult> {
    const run = await this.#pickUp(ref, signal).catch((error: unknown) => {
      const about = { requestId: idOf(ref), tenant: tenantOf(ref) };
      if (error instanceof NewerFormat) this.ports.logger.warn(about, 'left to a newer version');
      else this.ports.logger.error({ ...about, err: error }, 'run failed');
      return postpone(job, token);
    });
    if (run.outcome === 'busy' || run.outcome === 'lost') return postpone(job, token);
    if (run.outcome === 'away') return postpone(job, token, AWAY_RETRY_MS);
    if (run.outcome === 'handed-over' || run.outcome === 'log-lost') await handBack(job, token);
    return run;
  }

  async #pickUp(ref: JobRef, signal: AbortSignal): Promise<AloneResult> {
    const { runner, alone, shard } = this.ports;
    const leaseToken = randomUUID();
    const run = await runner.run(ref, leaseToken, signal);
    return run.outcome === 'alone' ? alone.run({ ref, leaseToken, shard: shard.index }, signal) : run;
  }

  /** BullMQ tracks locks by job id. If this worker lost a job and picked it up again, the fenced run must not end first:
   *  BullMQ would stop renewing the lock of the new one. */
  async #awaitSuccessor(ref: JobRef, run: Promise<PickUpResult>): Promise<void> {
    const current = this.#running.get(ref);
    if (current === run || current === undefined) this.#running.delete(ref);
    else await current.catch(() => undefined); // its own caller handles the error
  }

  /** Fetches nothing more, lets running jobs finish within the grace time, and hands over the rest. Never waits for a shard that does
   *  not answer.
   *  @param shards all that its jobs may wait for: a thread may be in another one */
  async close(shards: readonly Pick<WorkerShard, 'presence'>[]): Promise<void> {
    this.#stopping = true;
    const closed = this.#worker.close();
    const timer = new AbortController();
    const graceMs = this.#running.size === 0 ? 0 : this.ports.settings.MILLRACE_WORKER_GRACE_MS;
    const grace = delay(graceMs, undefined, { signal: timer.signal }).catch(
      () => undefined, // closed in time
    );
    await Promise.race([closed, grace]);
    timer.abort();
    this.#worker.cancelAllJobs();
    const presences = shards.map(({ presence }) => presence);
    // its own connections would go on trying
    if (!(await closedUnlessLost(closed, presences, HANDOVER_MS))) await this.#worker.getBackend().close(true);
  }

  #see(): void {
    this.#lastSeen = performance.now();
  }

  #listen(): void {
    const { requeuer, logger } = this.ports;
    // only now: while the entry existed, its job could not be queued again
    this.#worker.on('completed', (job: Job, result: PickUpResult) => {
      if (result.outcome === 'parked') requeuer.park(job.id as JobRef, result.maxSlots);
      if (result.outcome === 'waiting') requeuer.awaitTurn(job.id as JobRef, result.thread);
    });
    // the end of a job may fetch the next one in the same call
    this.#worker.on('active', () => this.#see());
    this.#worker.on('locksRenewed', () => this.#see());
    // a lost lock does not end a run: the log's fence decides who may write, and the job may not have been taken over
    this.#worker.on('lockRenewalFailed', (refs) => logger.warn({ jobs: refs }, 'lock lost'));
    this.#worker.on('stalled', (ref) => {
      logger.warn({ requestId: idOf(ref as JobRef), tenant: tenantOf(ref as JobRef) }, 'worker lost');
    });
    // the connection logs its outages, and lost locks are logged above
    this.#worker.on('error', (error) => logger.debug({ err: error }, 'queue error'));
  }
}

/** Puts the entry back for any worker, for a moment from now.
 *  @throws DelayedError always: it tells BullMQ that the entry has been moved */
async function postpone(job: Job, token: string | undefined, delayMs = RETRY_MS): Promise<never> {
  await job.changePriority({ priority: 0 });
  await job.moveToDelayed(Date.now() + delayMs, token);
  throw new DelayedError();
}

/** Puts the entry back at the front of the queue, for any worker.
 *  @throws WaitingError always: it tells BullMQ that the entry has been moved */
async function handBack(job: Job, token: string | undefined): Promise<never> {
  // its old place is obsolete: fair turns may count from a new base by now
  await job.changePriority({ priority: 0 });
  await job.moveToWait(token);
  throw new WaitingError();
}
