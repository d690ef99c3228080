import { Inject, Injectable } from '@nestjs/common';
import { JobFinished, UnknownJob } from '../http/problem.ts';
import { Cancellation } from './cancellation.ts';
import { GetJob, type JobSnapshot } from './get-job.ts';
import { JobAccess, type NamedJob } from './job-access.ts';

/** Cancels one job, for its owner or an admin. Idempotent. @see PROTOCOL.md §6 */
@Injectable()
export class CancelJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(GetJob) private readonly getJob: GetJob,
  ) {}

  /** @throws UnknownJob, AmbiguousId, JobFinished */
  async run(named: NamedJob): Promise<JobSnapshot> {
    const { ref, tenant } = await this.access.get(named);
    const outcome = await this.cancellation.cancel(ref, tenant === named.caller.tenant ? 'owner' : 'admin');
    if (outcome === 'not-found') throw new UnknownJob();
    if (outcome === 'finished') throw new JobFinished();
    return this.getJob.run({ ...named, tenant });
  }
}
