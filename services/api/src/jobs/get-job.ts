import type { JobView } from '@millrace/contracts';
import { type FairQueue, isFinished, type JobOutline } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { FAIR_QUEUE } from '../tokens.ts';
import { JobAccess, type NamedJob } from './job-access.ts';
import { viewOf } from './job-view.ts';
import { AskedFor } from './sweep/unlisted-jobs.ts';

/** A job as it stands, before its text is read. */
export interface SeenJob {
  readonly record: JobOutline;
  /** without `text` */
  readonly view: JobView;
}

/** One job. Its text is written by {@link JobAnswer}. @see PROTOCOL.md §5 */
@Injectable()
export class LookAtJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(AskedFor) private readonly askedFor: AskedFor,
  ) {}

  /** @throws UnknownJob, AmbiguousId */
  async run(named: NamedJob): Promise<SeenJob> {
    const record = await this.access.get(named);
    const position = record.status === 'queued' ? await this.fairQueue.positionOf(record.ref) : null;
    if (!isFinished(record.status) && position === null) this.askedFor.note(record.ref);
    return { record, view: { ...viewOf(record), ...(position === null ? {} : { queuePosition: position }) } };
  }
}
