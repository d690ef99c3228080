import { type Job, type JobJson, Worker } from 'bullmq';

/** A BullMQ worker that records its last fetch. BullMQ has no event for it: `drained` fires once, and `isRunning()` stays true
 *  even when the fetch loop hangs. */
export class ConsumingWorker extends Worker {
  /** monotonic time, milliseconds; 0 before the first fetch */
  fetchedAt = 0;

  /** Runs after every fetch, also when it returned no job. */
  protected override nextJobFromJobData(jobData?: JobJson, jobId?: string, token?: string): Promise<Job> {
    this.fetchedAt = performance.now();
    return super.nextJobFromJobData(jobData, jobId, token);
  }
}
