import type { WorkerOptions } from 'bullmq';
import type { WorkerSettings } from '../settings.ts';

/** The queue's name; the API's producer says the same. */
export const QUEUE_NAME = 'jobs';

/** How long an idle worker blocks in one fetch, seconds. It bounds how long a fetch that a lost connection has
 *  swallowed keeps it from consuming (BullMQ gives it up one second later). */
export const DRAIN_DELAY_SECONDS = 2;

/** How often BullMQ looks again after an error of the connection, milliseconds. Its default, 15 s, would be the delay
 *  of the first job after an outage. */
const RUN_RETRY_MS = 500;

/** Nobody may be more patient than the record: it counts the attempts (`MILLRACE_MAX_ATTEMPTS`), BullMQ must not. */
const UNLIMITED_STALLS = 1_000_000;

/** BullMQ's options of the worker. */
export function consumerOptions(settings: WorkerSettings): Omit<WorkerOptions, 'connection'> {
  return {
    autorun: false, // begins when the application is up
    concurrency: settings.MILLRACE_WORKER_CONCURRENCY,
    lockDuration: settings.MILLRACE_WORKER_LOCK_MS,
    stalledInterval: settings.MILLRACE_WORKER_STALL_CHECK_MS,
    maxStalledCount: UNLIMITED_STALLS,
    drainDelay: DRAIN_DELAY_SECONDS,
    runRetryDelay: RUN_RETRY_MS,
    // the record is what remains of a job; an entry that stayed would keep its id from being queued again
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
}
