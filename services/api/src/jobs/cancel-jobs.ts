import type { JobStatus } from '@millrace/contracts';
import type { JobCatalogue, JobOutline, JobPage, JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import type { Caller } from '../auth/caller.ts';
import { listedTenant } from '../auth/listed-tenant.ts';
import { JOB_CATALOGUE, JOB_READER } from '../tokens.ts';
import { Cancellation } from './steps/cancellation.ts';

const BATCH = 200;

/** Which jobs to cancel. An omitted field matches all. */
export interface CancelFilter {
  readonly status: JobStatus;
  readonly tenant?: string | undefined;
  readonly pipeline?: string | undefined;
}

/** Cancels all jobs that match. @see PROTOCOL.md §6 */
@Injectable()
export class CancelJobs {
  constructor(
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @returns how many jobs this call cancelled; `incomplete`: a shard of Redis does not answer, and its jobs go on
   *  @throws Forbidden the caller asks for another tenant's jobs without the permission */
  async run(
    { status, tenant, pipeline }: CancelFilter,
    caller: Caller,
  ): Promise<{ readonly cancelled: number; readonly incomplete?: true }> {
    const scope = listedTenant(caller, tenant);
    const matches = (job: JobOutline) =>
      job.status === status && (scope ?? job.tenant) === job.tenant && (pipeline ?? job.pipeline) === job.pipeline;
    let cancelled = 0;
    let isPartial = false;
    let cursor: string | null = null;
    do {
      const page: JobPage = await this.catalogue.open({ olderThanMs: 0, limit: BATCH, cursor: cursor ?? undefined });
      const jobs = (await this.reader.outlines(page.refs)).filter((job) => job !== null).filter(matches);
      const outcomes = await Promise.all(jobs.map(({ ref }) => this.cancellation.cancel(ref, 'admin')));
      cancelled += outcomes.filter(({ kind }) => kind === 'cancelled').length;
      isPartial ||= page.isPartial === true;
      cursor = page.nextCursor;
    } while (cursor !== null);
    const incomplete = isPartial ? { incomplete: true as const } : {};
    const details = { status, cancelled, ...incomplete };
    this.audit.record(caller, { action: 'jobs.cancel', tenant: scope, target: null, details });
    return { cancelled, ...incomplete };
  }
}
