import type { JobView } from '@millrace/contracts';
import { type FairQueue, isFinished, type JobOutline, requireContents, viewOf } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { FAIR_QUEUE } from '../tokens.ts';
import { JobAccess, type NamedJob } from './job-access.ts';
import { UnlistedJobs } from './sweep/unlisted-jobs.ts';

/** A job without its text. */
export interface JobSnapshot {
  readonly record: JobOutline;
  readonly view: JobView;
}

/** Gets one job, without its text. @see PROTOCOL.md §5 */
@Injectable()
export class GetJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(UnlistedJobs) private readonly unlistedJobs: UnlistedJobs,
  ) {}

  /** @throws JobNotFound, AmbiguousId
   *  @throws ContentUnreadable its key cannot be had now */
  async run(named: NamedJob): Promise<JobSnapshot> {
    const record = await this.access.get(named);
    requireContents(record);
    const position = record.status === 'queued' ? await this.fairQueue.positionOf(record.ref) : null;
    if (!isFinished(record.status) && position === null) this.unlistedJobs.note(record.ref);
    return { record, view: { ...viewOf(record), ...(position === null ? {} : { queuePosition: position }) } };
  }
}
