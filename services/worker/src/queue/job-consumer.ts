import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { idOf, type JobRef, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { DelayedError, type Job, WaitingError, type WorkerOptions } from 'bullmq';
import type { JobRunner, Run } from '../attempt/job-runner.ts';
import type { WorkerSettings } from '../settings.ts';
import { consumerOptions, DRAIN_DELAY_SECONDS, QUEUE_NAME } from './consumer-options.ts';
import { ConsumingWorker } from './consuming-worker.ts';
import type { Requeuer } from './requeuer.ts';

/** A worker whose last sign of consumption is older than this is not ready: two fetches of an idle worker, with room
 *  for BullMQ's watchdog. */
const STALE_AFTER_MS = DRAIN_DELAY_SECONDS * 2_000 + 2_000;

/** An entry whose run failed in a way that nobody foresaw comes back after this, milliseconds. */
const AFTER_BUG_MS = 1_000;

export interface JobConsumerPorts {
  readonly runner: JobRunner;
  readonly requeuer: Requeuer;
  readonly settings: WorkerSettings;
  readonly logger: Logger;
}

/** Takes jobs from BullMQ. An entry ends when there is nothing more to run, whatever became of the job: the log is the
 *  truth, and a failed job is an entry well done. */
export class JobConsumer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #worker: ConsumingWorker;
  /** per job, the pick-up that is running here now */
  readonly #running = new Map<JobRef, Promise<Run>>();
  #locksRenewedAt = 0;
  #stopping = false;

  /** @param queue where the queue is */
  constructor(
    readonly ports: JobConsumerPorts,
    queue: Pick<WorkerOptions, 'connection' | 'prefix'>,
  ) {
    this.#worker = new ConsumingWorker(
      QUEUE_NAME,
      // BullMQ passes the signal only to a processor that declares three parameters
      (job, token, signal) => this.#process(job, token, signal),
      { ...consumerOptions(ports.settings), ...queue },
    );
    this.#listen();
  }

  /** Whether jobs are being taken, or all slots are busy and their locks are being renewed: consumption itself, since a
   *  worker can answer a ping and have stopped fetching. */
  get consuming(): boolean {
    const lastSign = Math.max(this.#worker.fetchedAt, this.#locksRenewedAt);
    return !this.#stopping && lastSign > 0 && performance.now() - lastSign < STALE_AFTER_MS;
  }

  onApplicationBootstrap(): void {
    this.#worker.run().catch((error: unknown) => {
      this.ports.logger.fatal({ err: error }, 'the worker has stopped consuming');
    });
  }

  /** @returns what `completed` is told of the entry */
  async #process(job: Job, token?: string, signal?: AbortSignal): Promise<Run> {
    if (job.id === undefined || signal === undefined) throw new TypeError('BullMQ called without a job id or a signal');
    const ref = job.id as JobRef;
    // fetched while the worker was already ending
    if (this.#stopping) await handBack(job, token);
    const run = this.#run(job, ref, token, signal);
    this.#running.set(ref, run);
    try {
      return await run;
    } finally {
      await this.#successor(ref, run);
    }
  }

  async #run(job: Job, ref: JobRef, token: string | undefined, signal: AbortSignal): Promise<Run> {
    const run = await this.ports.runner.run(ref, randomUUID(), signal).catch(async (error: unknown) => {
      this.ports.logger.error({ requestId: idOf(ref), tenant: tenantOf(ref), err: error }, 'run failed');
      await job.changePriority({ priority: 0 });
      await job.moveToDelayed(Date.now() + AFTER_BUG_MS, token);
      throw new DelayedError();
    });
    if (run.outcome === 'handed-over' || run.outcome === 'log-lost') await handBack(job, token);
    return run;
  }

  /** BullMQ keeps its locks by job id. If this worker lost a job and picked it up again, the fenced run must not end
   *  first: BullMQ would then stop renewing the lock of the new one. */
  async #successor(ref: JobRef, run: Promise<Run>): Promise<void> {
    const current = this.#running.get(ref);
    if (current === run || current === undefined) this.#running.delete(ref);
    else await current.catch(() => undefined); // its own caller handles it
  }

  /** Takes nothing new, lets running jobs end within the grace time, and hands over the rest. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    const closed = this.#worker.close();
    const timer = new AbortController();
    const grace = delay(this.ports.settings.MILLRACE_WORKER_GRACE_MS, undefined, { signal: timer.signal }).catch(
      () => undefined, // closed in time
    );
    await Promise.race([closed, grace]);
    timer.abort();
    this.#worker.cancelAllJobs();
    await closed;
  }

  #listen(): void {
    const { requeuer, logger } = this.ports;
    // an entry has ended and is gone: only now may its job be parked, since nothing could queue it again before
    this.#worker.on('completed', (job: Job, run: Run) => {
      if (run.outcome === 'parked') requeuer.park(job.id as JobRef, run.most);
    });
    this.#worker.on('locksRenewed', () => {
      this.#locksRenewedAt = performance.now();
    });
    // a lost lock ends no run: the log's fence decides who may write, and perhaps nobody took the job over yet
    this.#worker.on('lockRenewalFailed', (refs) => logger.warn({ jobs: refs }, 'lock lost'));
    this.#worker.on('stalled', (ref) => {
      logger.warn({ requestId: idOf(ref as JobRef), tenant: tenantOf(ref as JobRef) }, 'worker lost');
    });
    // the connection logs its own outages, and a lost lock has been logged above
    this.#worker.on('error', (error) => logger.debug({ err: error }, 'queue error'));
  }
}

/** The entry waits again, first in line, for any worker.
 *  @throws WaitingError always: BullMQ's way to be told that the entry has been moved */
async function handBack(job: Job, token: string | undefined): Promise<never> {
  // where it stood among those that no worker has had is past: their turns may count from a new base by now
  await job.changePriority({ priority: 0 });
  await job.moveToWait(token);
  throw new WaitingError();
}
