import type { WorkerOptions } from 'bullmq';
import type { WorkerSettings } from '../settings.ts';

/** How long an idle worker blocks in one fetch, seconds. A fetch on a lost connection delays consumption by this time at
 *  most (BullMQ gives up one second later). */
export const DRAIN_DELAY_SECONDS = 2;

/** How soon BullMQ fetches again after a connection error, milliseconds. Its default, 15 s, would delay the first job after
 *  an outage. */
const RUN_RETRY_MS = 500;

/** The record limits the attempts (`MILLRACE_MAX_ATTEMPTS`), so BullMQ must not. */
const UNLIMITED_STALLS = 1_000_000;

/** The worker's options for BullMQ.
 *  @param concurrency jobs that it runs at once */
export function consumerOptions(settings: WorkerSettings, concurrency: number): Omit<WorkerOptions, 'connection'> {
  return {
    autorun: false, // starts when the application is up
    concurrency,
    lockDuration: settings.MILLRACE_WORKER_LOCK_MS,
    stalledInterval: settings.MILLRACE_WORKER_STALL_CHECK_MS,
    maxStalledCount: UNLIMITED_STALLS,
    drainDelay: DRAIN_DELAY_SECONDS,
    runRetryDelay: RUN_RETRY_MS,
    // the record outlives the entry; an entry that remained would prevent its id from being queued again
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
}
