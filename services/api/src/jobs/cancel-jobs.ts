import type { JobStatus } from '@millrace/contracts';
import type { JobCatalogue, JobOutline, JobPage, JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { type Caller, requireAdmin } from '../auth/caller.ts';
import { JOB_CATALOGUE, JOB_READER } from '../tokens.ts';
import { Cancellation } from './cancellation.ts';

const BATCH = 200;

/** Which jobs to cancel; what is left out matches all. */
export interface CancelFilter {
  readonly status: JobStatus;
  readonly tenant?: string | undefined;
  readonly pipeline?: string | undefined;
}

/** Cancels all jobs that match, for an admin. @see PROTOCOL.md §6 */
@Injectable()
export class CancelJobs {
  constructor(
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
  ) {}

  /** @returns how many were cancelled by this call
   *  @throws Forbidden */
  async run(filter: CancelFilter, caller: Caller): Promise<number> {
    requireAdmin(caller);
    let cancelled = 0;
    let cursor: string | null = null;
    do {
      const page: JobPage = await this.catalogue.open({ olderThanMs: 0, limit: BATCH, cursor: cursor ?? undefined });
      const jobs = (await this.reader.outlines(page.refs)).filter((job) => job !== null);
      const chosen = jobs.filter((job) => matches(job, filter));
      const outcomes = await Promise.all(chosen.map(({ ref }) => this.cancellation.cancel(ref, 'admin')));
      cancelled += outcomes.filter((outcome) => outcome === 'cancelled').length;
      cursor = page.nextCursor;
    } while (cursor !== null);
    return cancelled;
  }
}

function matches(job: JobOutline, { status, tenant = job.tenant, pipeline = job.pipeline }: CancelFilter): boolean {
  return job.status === status && job.tenant === tenant && job.pipeline === pipeline;
}
