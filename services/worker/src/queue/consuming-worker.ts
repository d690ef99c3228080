import { type Job, type JobJson, Worker } from 'bullmq';

/** A BullMQ worker that knows when it last fetched. It has no such event: `drained` comes once, and `isRunning()` stays
 *  true whatever becomes of the fetch loop. */
export class ConsumingWorker extends Worker {
  /** of the monotonic clock, milliseconds; 0 before the first fetch */
  fetchedAt = 0;

  /** Every way to a next job leads through here, also when there is none. */
  protected override nextJobFromJobData(jobData?: JobJson, jobId?: string, token?: string): Promise<Job> {
    this.fetchedAt = performance.now();
    return super.nextJobFromJobData(jobData, jobId, token);
  }
}
