import { isFinished, JobNotFound } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import { JobFinished, ThreadNotFound, Unavailable } from '../http/problem.ts';
import { CancelJob } from '../jobs/cancel-job.ts';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { JobErasure } from '../jobs/steps/job-erasure.ts';
import { DeleteThread } from '../threads/delete-thread.ts';
import { ThreadAccess } from '../threads/thread-access.ts';
import { threadOfResponse } from './response-request.ts';

/** Erases a response: what runs is cancelled first. Its conversation goes with it, unless other responses are part of that. */
@Injectable()
export class DeleteResponse {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(CancelJob) private readonly cancelJob: CancelJob,
    @Inject(JobErasure) private readonly erasure: JobErasure,
    @Inject(ThreadAccess) private readonly threads: ThreadAccess,
    @Inject(DeleteThread) private readonly deleteThread: DeleteThread,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @throws JobNotFound, AmbiguousId */
  async run(named: NamedJob): Promise<void> {
    const job = await this.access.get(named);
    if (!isFinished(job.status)) await this.#cancel(named);
    const { jobId, threadId, tenant } = job;
    if (threadId === threadOfResponse(jobId)) await this.#eraseThread({ ...named, threadId, tenant });
    await this.audit.forgetJobs([job.ref]);
    const isErased = await this.erasure.ended(job);
    await this.audit.forgetJobs([job.ref]);
    if (isErased) {
      this.audit.record(named.caller, { action: 'job.erase', tenant, target: jobId, threadId });
      return;
    }
    // a thread takes its jobs with it
    if (!(await this.#isGone(named))) throw new Unavailable();
  }

  async #isGone(named: NamedJob): Promise<boolean> {
    try {
      await this.access.get(named);
      return false;
    } catch (error) {
      if (error instanceof JobNotFound) return true;
      throw error;
    }
  }

  async #cancel(named: NamedJob): Promise<void> {
    try {
      await this.cancelJob.run(named);
    } catch (error) {
      // it ended by itself
      if (!(error instanceof JobFinished)) throw error;
    }
  }

  async #eraseThread({ jobId: _, ...named }: NamedJob & { threadId: string }): Promise<void> {
    try {
      const { turn, activeJob } = await this.threads.settled(named);
      if (turn <= 1 && activeJob === null) await this.deleteThread.run(named);
    } catch (error) {
      if (!(error instanceof ThreadNotFound)) throw error;
    }
  }
}
