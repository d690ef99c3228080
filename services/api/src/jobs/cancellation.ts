import type { CancelledBy } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { CancelOutcome, JobCanceller, JobIndex } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { JOB_CANCELLER, JOB_INDEX, LOGGER } from '../tokens.ts';
import { JobQueue } from './queue/job-queue.ts';

/** Ends a job from outside and tidies up after it. */
@Injectable()
export class Cancellation {
  constructor(
    @Inject(JOB_CANCELLER) private readonly canceller: JobCanceller,
    @Inject(JOB_INDEX) private readonly index: JobIndex,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** When this returns, the terminal event is stored and nothing can follow it (law 7).
   *  @param who.tenant the only tenant whose job this may be; null for all */
  async cancel(
    job: { readonly id: string; readonly tenant: string },
    who: { readonly by: CancelledBy; readonly tenant: string | null },
  ): Promise<CancelOutcome> {
    const outcome = await this.canceller.cancel(job.id, who);
    if (outcome !== 'cancelled') return outcome;
    this.logger.info({ requestId: job.id, by: who.by }, 'cancelled');
    // The job has ended, whatever becomes of these: the sweep clears the index, and a queue entry whose job has ended
    // does nothing.
    await Promise.allSettled([this.index.left(job), this.queue.remove(job.id)]);
    return outcome;
  }
}
