import type { JobStatus } from '@millrace/contracts';
import type { JobIndex, JobReader, JobRecord } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { type Caller, requireAdmin } from '../auth/caller.ts';
import { JOB_INDEX, JOB_READER } from '../tokens.ts';
import { Cancellation } from './cancellation.ts';

const BATCH = 200;

/** Cancels all jobs of a status, for an admin. @see PROTOCOL.md §6 */
@Injectable()
export class CancelJobs {
  constructor(
    @Inject(JOB_INDEX) private readonly index: JobIndex,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
  ) {}

  /** @returns how many were cancelled by this call
   *  @throws Forbidden */
  async run(status: JobStatus, caller: Caller): Promise<number> {
    requireAdmin(caller);
    let cancelled = 0;
    let cursor: string | null = null;
    do {
      const page = await this.index.open({ olderThanMs: 0, limit: BATCH, cursor: cursor ?? undefined });
      const jobs = await this.reader.outlines(page.ids);
      const outcomes = await Promise.all(
        jobs
          .filter((job): job is JobRecord => job?.status === status)
          .map((job) => this.cancellation.cancel(job, { by: 'admin', tenant: null })),
      );
      cancelled += outcomes.filter((outcome) => outcome === 'cancelled').length;
      cursor = page.nextCursor;
    } while (cursor !== null);
    return cancelled;
  }
}
