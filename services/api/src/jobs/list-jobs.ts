import type { JobStatus, JobView } from '@millrace/contracts';
import type { JobCatalogue, JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { type Caller, requireAdmin } from '../auth/caller.ts';
import { JOB_CATALOGUE, JOB_READER } from '../tokens.ts';
import { viewOf } from './job-view.ts';
import { readListCursor, writeListCursor } from './list-cursor.ts';

/** Pages of the index that one request reads at most: a rare status must not make it read everything. */
const MAX_PAGES = 20;

export interface ListJobsQuery {
  readonly caller: Caller;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly status?: JobStatus | undefined;
  readonly tenant?: string | undefined;
}

export interface JobList {
  readonly items: readonly JobView[];
  /** null at the end; a page may be short, or empty, before it */
  readonly nextCursor: string | null;
}

/** The caller's jobs, newest first; for an admin all, or one tenant's. @see PROTOCOL.md §5 */
@Injectable()
export class ListJobs {
  constructor(
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(JOB_READER) private readonly reader: JobReader,
  ) {}

  /** @throws InvalidCursor, Forbidden */
  async run({ caller, limit, cursor, status, tenant }: ListJobsQuery): Promise<JobList> {
    if (tenant !== undefined && tenant !== caller.tenant) requireAdmin(caller);
    const whose = tenant ?? (caller.isAdmin ? null : caller.tenant);
    const items: JobView[] = [];
    let place = cursor === undefined ? undefined : readListCursor(cursor);
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await this.catalogue.list({ tenant: whose, limit: limit - items.length, cursor: place });
      for (const job of await this.reader.outlines(page.refs)) {
        if (job !== null && (status === undefined || job.status === status)) items.push(viewOf(job));
      }
      if (page.nextCursor === null) return { items, nextCursor: null };
      place = page.nextCursor;
      if (items.length === limit) break;
    }
    return { items, nextCursor: place === undefined ? null : writeListCursor(place) };
  }
}
