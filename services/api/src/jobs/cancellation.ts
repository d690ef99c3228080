import { type CancelledBy, idOf, type JobRef, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { CancelOutcome, FairQueue, JobCanceller } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { FAIR_QUEUE, JOB_CANCELLER, LOGGER } from '../tokens.ts';
import { JobQueue } from './queue/job-queue.ts';

/** Ends a job from outside and tidies up after it. */
@Injectable()
export class Cancellation {
  constructor(
    @Inject(JOB_CANCELLER) private readonly canceller: JobCanceller,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** When this returns, the terminal event is stored and nothing can follow it (law 7). */
  async cancel(ref: JobRef, by: CancelledBy): Promise<CancelOutcome['kind']> {
    const outcome = await this.canceller.cancel(ref, by);
    if (outcome.kind !== 'cancelled') return outcome.kind;
    this.logger.info({ requestId: idOf(ref), tenant: tenantOf(ref), by }, 'cancelled');
    // The job has ended, whatever becomes of these: the sweep clears the index, and a queue entry whose job has ended
    // does nothing.
    await Promise.allSettled([this.fairQueue.retire({ ref, keptBytes: outcome.keptBytes }), this.queue.remove(ref)]);
    return outcome.kind;
  }
}
