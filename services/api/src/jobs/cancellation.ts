import { type CancelledBy, idOf, type JobRef, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { CancelOutcome, FairQueue, JobCanceller } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { FAIR_QUEUE, JOB_CANCELLER, LOGGER } from '../tokens.ts';
import { JobQueue } from './queue/job-queue.ts';

/** Cancels a job and removes it from the registry and the queue. */
@Injectable()
export class Cancellation {
  constructor(
    @Inject(JOB_CANCELLER) private readonly canceller: JobCanceller,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** When it returns, the terminal event is stored and nothing can follow it (law 7). */
  async cancel(ref: JobRef, by: CancelledBy): Promise<CancelOutcome> {
    const outcome = await this.canceller.cancel(ref, by);
    if (outcome.kind !== 'cancelled') return outcome;
    this.logger.info({ requestId: idOf(ref), tenant: tenantOf(ref), by }, 'cancelled');
    // the job has ended even if these fail: the sweep clears the registry, and the worker ignores the queue entry
    const { keptBytes } = outcome.end;
    await Promise.allSettled([this.fairQueue.retire({ ref, keptBytes }), this.queue.remove(ref)]);
    return outcome;
  }
}
