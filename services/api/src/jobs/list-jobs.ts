import type { JobStatus, JobView } from '@millrace/contracts';
import { viewOf } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { listedTenant } from '../auth/listed-tenant.ts';
import { JobPages } from './job-pages.ts';
import { readListCursor, writeListCursor } from './list-cursor.ts';

export interface ListJobsQuery {
  readonly caller: Caller;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly status?: JobStatus | undefined;
  readonly tenant?: string | undefined;
  readonly threadId?: string | undefined;
}

export interface JobList {
  readonly items: readonly JobView[];
  /** null at the end. Any page may be short or empty */
  readonly nextCursor: string | null;
  /** some are left out. @see JobOutlines */
  readonly incomplete?: true;
}

/** Lists the caller's jobs, newest first; for an admin all jobs, or one tenant's. @see PROTOCOL.md §5 */
@Injectable()
export class ListJobs {
  constructor(@Inject(JobPages) private readonly pages: JobPages) {}

  /** @throws InvalidCursor, Forbidden
   *  @throws ArchiveUnavailable it is away, and Redis has no more jobs from the cursor on */
  async run({ caller, limit, cursor, status, tenant, threadId }: ListJobsQuery): Promise<JobList> {
    // threads belong to tenants, so an admin who names one without its tenant means an own one
    const scope = listedTenant(caller, tenant) ?? (threadId === undefined ? null : caller.tenant);
    const { jobs, next, isPartial } = await this.pages.read({
      ...{ tenant: scope, threadId, status, asker: caller.tenant, limit },
      before: cursor === undefined ? undefined : readListCursor(cursor),
    });
    return {
      ...{ items: jobs.map(viewOf), nextCursor: next === null ? null : writeListCursor(next) },
      ...(isPartial ? { incomplete: true } : {}),
    };
  }
}
