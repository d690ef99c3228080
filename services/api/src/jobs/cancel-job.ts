import type { JobView } from '@millrace/contracts';
import type { JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { type Caller, reachOf } from '../auth/caller.ts';
import { JobFinished, UnknownJob } from '../http/problem.ts';
import { JOB_READER } from '../tokens.ts';
import { Cancellation } from './cancellation.ts';
import { LookAtJob } from './look-at-job.ts';

/** Cancels one job, for its owner or an admin. Idempotent. @see PROTOCOL.md §6 */
@Injectable()
export class CancelJob {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(LookAtJob) private readonly lookAtJob: LookAtJob,
  ) {}

  /** @throws UnknownJob, JobFinished */
  async run(id: string, caller: Caller): Promise<JobView> {
    const job = await this.reader.get(id);
    if (job === null) throw new UnknownJob();
    const by = job.tenant === caller.tenant ? 'owner' : 'admin';
    const outcome = await this.cancellation.cancel(job, { by, tenant: reachOf(caller) });
    if (outcome === 'not-found') throw new UnknownJob();
    if (outcome === 'finished') throw new JobFinished();
    return this.lookAtJob.run(id, caller);
  }
}
