import { type CancelledBy, idOf, type JobRef, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { CancelOutcome, FairQueue, JobCanceller } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { FAIR_QUEUE, JOB_CANCELLER, LOGGER } from '../../tokens.ts';
import { JobQueue } from '../queue/job-queue.ts';
import { type LeavingJob, ThreadExit } from './thread-exit.ts';

type EndedJob = Omit<LeavingJob, 'threadId'> & { readonly threadId: string | null };

/** Cancels a job, passes the turn of its thread on, and removes it from the registry and the queue. */
@Injectable()
export class Cancellation {
  constructor(
    @Inject(JOB_CANCELLER) private readonly canceller: JobCanceller,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(ThreadExit) private readonly exit: ThreadExit,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** When it returns, the terminal event is stored and nothing can follow it (law 7). */
  async cancel(ref: JobRef, by: CancelledBy): Promise<CancelOutcome> {
    const outcome = await this.canceller.cancel(ref, by);
    if (outcome.kind !== 'cancelled') return outcome;
    this.logger.info({ requestId: idOf(ref), tenant: tenantOf(ref), by }, 'cancelled');
    const { keptBytes, threadId, ...end } = outcome.end;
    // the job has ended even if these fail: the sweep tells thread and registry, and the worker ignores the queue entry
    await Promise.allSettled([
      this.#retire({ ...end, ref, threadId, status: 'cancelled', interrupts: [], unreadable: null }, keptBytes),
      this.queue.remove(ref),
    ]);
    return outcome;
  }

  /** The thread first: as long as the registry lists the job, a sweep tells the thread. */
  async #retire({ threadId, ...job }: EndedJob, keptBytes: number): Promise<void> {
    if (threadId !== null) await this.exit.leave({ ...job, threadId });
    // its worker reports what it has used
    await this.fairQueue.retire({ ref: job.ref, keptBytes, usage: { total: job.attempt, attempts: {} } });
  }
}
