import { JobNotFound, type JobOutline, viewOf } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import { JobFinished } from '../http/problem.ts';
import type { JobSnapshot } from './get-job.ts';
import { JobAccess, type NamedJob } from './job-access.ts';
import { Cancellation } from './steps/cancellation.ts';

/** Cancels one job, for its owner or an admin. Idempotent. @see PROTOCOL.md §6 */
@Injectable()
export class CancelJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @throws JobNotFound, AmbiguousId, JobFinished */
  async run(named: NamedJob): Promise<JobSnapshot> {
    const job = await this.access.get(named);
    const by = job.tenant === named.caller.tenant ? 'owner' : 'admin';
    const outcome = await this.cancellation.cancel(job.ref, by);
    if (outcome.kind === 'not-found') throw new JobNotFound(job.jobId);
    if (outcome.kind === 'finished') throw new JobFinished();
    if (by === 'admin') {
      const { tenant, jobId, threadId } = job;
      this.audit.record(named.caller, { action: 'job.cancel', tenant, target: jobId, threadId });
    }
    // the cancel returns what has changed since the record was read
    const { keptBytes: _, ...end } = outcome.end;
    const record: JobOutline = { ...job, ...end, status: 'cancelled' };
    return { record, view: viewOf(record) };
  }
}
