import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@millrace/runtime';
import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type Type,
} from '@nestjs/common';
import { DelayedError, type Job, WaitingError } from 'bullmq';
import type { WorkerSettings } from '../../settings.ts';
import { LOGGER, SETTINGS } from '../../tokens.ts';
import { JobRunner } from '../job-runner.ts';
import { consumerOptions, DRAIN_DELAY_SECONDS, QUEUE_NAME } from './consumer-options.ts';
import type { ConsumingWorker } from './consuming-worker.ts';

/** A worker whose last sign of consumption is older than this is not ready: two fetches of an idle worker, with room
 *  for BullMQ's watchdog. */
const STALE_AFTER_MS = DRAIN_DELAY_SECONDS * 2_000 + 2_000;

/** An entry whose run failed in a way that nobody foresaw comes back after this, milliseconds. */
const AFTER_BUG_MS = 1_000;

/** Takes jobs from BullMQ. An entry ends when there is nothing more to run, whatever became of the job: the log is the
 *  truth, and a failed job is an entry well done. */
@Injectable()
export class JobConsumer
  extends WorkerHost<ConsumingWorker>
  implements OnApplicationBootstrap, BeforeApplicationShutdown
{
  /** per request id, the pick-up that is running here now */
  readonly #running = new Map<string, Promise<void>>();
  #locksRenewedAt = 0;
  #stopping = false;

  constructor(
    @Inject(JobRunner) readonly runner: JobRunner,
    @Inject(LOGGER) readonly logger: Logger,
    @Inject(SETTINGS) readonly settings: WorkerSettings,
  ) {
    super();
  }

  /** Whether jobs are being taken, or all slots are busy and their locks are being renewed: consumption itself, since a
   *  worker can answer a ping and have stopped fetching. */
  get consuming(): boolean {
    const lastSign = Math.max(this.worker.fetchedAt, this.#locksRenewedAt);
    return !this.#stopping && lastSign > 0 && performance.now() - lastSign < STALE_AFTER_MS;
  }

  onApplicationBootstrap(): void {
    this.worker.run().catch((error: unknown) => {
      this.logger.fatal({ err: error }, 'the worker has stopped consuming');
    });
  }

  /** BullMQ passes the signal only to a processor that declares three parameters. */
  async process(job: Job, token?: string, signal?: AbortSignal): Promise<void> {
    const { id } = job;
    if (id === undefined || signal === undefined) throw new TypeError('BullMQ called without a job id or a signal');
    // fetched while the worker was already ending
    if (this.#stopping) await handBack(job, token);
    const run = this.#run(job, id, token, signal);
    this.#running.set(id, run);
    try {
      await run;
    } finally {
      await this.#successor(id, run);
    }
  }

  async #run(job: Job, id: string, token: string | undefined, signal: AbortSignal): Promise<void> {
    const outcome = await this.runner.run(id, randomUUID(), signal).catch(async (error: unknown) => {
      this.logger.error({ requestId: id, err: error }, 'run failed');
      await job.changePriority({ priority: 0 });
      await job.moveToDelayed(Date.now() + AFTER_BUG_MS, token);
      throw new DelayedError();
    });
    if (outcome === 'handed-over' || outcome === 'log-lost') await handBack(job, token);
  }

  /** BullMQ keeps its locks by job id. If this worker lost a job and picked it up again, the fenced run must not end
   *  first: BullMQ would then stop renewing the lock of the new one. */
  async #successor(id: string, run: Promise<void>): Promise<void> {
    const current = this.#running.get(id);
    if (current === run || current === undefined) this.#running.delete(id);
    else await current.catch(() => undefined); // its own caller handles it
  }

  /** Takes nothing new, lets running jobs end within the grace time, and hands over the rest. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    const closed = this.worker.close();
    const timer = new AbortController();
    const grace = delay(this.settings.MILLRACE_WORKER_GRACE_MS, undefined, { signal: timer.signal }).catch(
      () => undefined, // closed in time
    );
    await Promise.race([closed, grace]);
    timer.abort();
    this.worker.cancelAllJobs();
    await closed;
  }

  @OnWorkerEvent('locksRenewed')
  onLocksRenewed(): void {
    this.#locksRenewedAt = performance.now();
  }

  /** A lost lock ends no run: the log's fence decides who may write, and perhaps nobody took the job over yet. */
  @OnWorkerEvent('lockRenewalFailed')
  onLockRenewalFailed(requestIds: string[]): void {
    this.logger.warn({ requestIds }, 'lock lost');
  }

  @OnWorkerEvent('stalled')
  onStalled(requestId: string): void {
    this.logger.warn({ requestId }, 'worker lost');
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    // the connection logs its own outages, and a lost lock has been logged above
    this.logger.debug({ err: error }, 'queue error');
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

/** A consumer with these settings. `@Processor` takes its options from the class, so each worker gets its own. */
export function jobConsumer(settings: WorkerSettings): Type<JobConsumer> {
  @Processor(QUEUE_NAME, consumerOptions(settings))
  class ConfiguredJobConsumer extends JobConsumer {}
  return ConfiguredJobConsumer;
}
