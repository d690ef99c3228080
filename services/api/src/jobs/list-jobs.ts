import type { JobStatus, JobView } from '@millrace/contracts';
import { viewOf } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { listedTenant } from '../auth/listed-tenant.ts';
import { JobPages } from './job-pages.ts';
import { readListCursor, writeListCursor } from './list-cursor.ts';

/** The most pages of the registry that one request reads, so that a rare status does not make it read all jobs. */
const MAX_PAGES = 20;

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
  /** a shard of Redis does not answer, and its jobs are left out */
  readonly incomplete?: true;
}

/** Lists the caller's jobs, newest first; for an admin all jobs, or one tenant's. @see PROTOCOL.md §5 */
@Injectable()
export class ListJobs {
  constructor(@Inject(JobPages) private readonly pages: JobPages) {}

  /** @throws InvalidCursor, Forbidden
   *  @throws ArchiveUnavailable */
  async run({ caller, limit, cursor, status, tenant, threadId }: ListJobsQuery): Promise<JobList> {
    // threads belong to tenants, so an admin who names one without its tenant means an own one
    const scope = listedTenant(caller, tenant) ?? (threadId === undefined ? null : caller.tenant);
    const items: JobView[] = [];
    let isPartial = false;
    const list = (next: string | null): JobList => ({
      ...{ items, nextCursor: next === null ? null : writeListCursor(next) },
      ...(isPartial ? { incomplete: true } : {}),
    });
    let place = cursor === undefined ? undefined : readListCursor(cursor);
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await this.pages.read({
        ...{ tenant: scope, threadId, status, asker: caller.tenant },
        ...{ limit: limit - items.length, before: place },
      });
      items.push(...page.jobs.map(viewOf));
      isPartial ||= page.isPartial;
      if (page.next === null) return list(null);
      place = page.next;
      // a page is longer where a cursor could not divide it
      if (items.length >= limit) break;
    }
    return list(place ?? null);
  }
}
