import { isFinished } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import { JobRunning } from '../http/problem.ts';
import { JobAccess, type NamedJob } from './job-access.ts';
import { JobQueue } from './queue/job-queue.ts';
import { JobErasure } from './steps/job-erasure.ts';
import { ThreadExit } from './steps/thread-exit.ts';

/** Erases a job that has ended: record, log, and what registry and queue know of it. What its thread keeps, stays.
 *  @see PROTOCOL.md §11 */
@Injectable()
export class EraseJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(ThreadExit) private readonly exit: ThreadExit,
    @Inject(JobErasure) private readonly erasure: JobErasure,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @throws JobNotFound, AmbiguousId
   *  @throws JobRunning it has not ended */
  async run(named: NamedJob): Promise<void> {
    const job = await this.access.get(named);
    if (!isFinished(job.status)) throw new JobRunning();
    // the thread first: it takes from the log what was said
    if (job.threadId === null) await this.exit.endPrivate(job);
    else await this.exit.leave({ ...job, threadId: job.threadId });
    await this.audit.forgetJobs([job.ref]);
    if (!(await this.erasure.ended(job))) throw new JobRunning();
    await this.audit.forgetJobs([job.ref]);
    const { tenant, jobId, threadId } = job;
    this.audit.record(named.caller, { action: 'job.erase', tenant, target: jobId, threadId });
    await this.queue.forgetErased();
  }
}
