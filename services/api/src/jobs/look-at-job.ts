import type { JobView } from '@millrace/contracts';
import { isFinished, type JobIndex, type JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { JOB_INDEX, JOB_READER } from '../tokens.ts';
import { JobAccess, type NamedJob } from './job-access.ts';
import { viewOf } from './job-view.ts';
import { AskedFor } from './sweep/asked-for.ts';

/** One job with its text so far. @see PROTOCOL.md §5 */
@Injectable()
export class LookAtJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JOB_INDEX) private readonly index: JobIndex,
    @Inject(AskedFor) private readonly askedFor: AskedFor,
  ) {}

  /** @throws UnknownJob, AmbiguousId */
  async run(named: NamedJob): Promise<JobView> {
    const job = await this.access.get(named);
    const [text, position] = await Promise.all([
      this.reader.text(job.ref),
      job.status === 'queued' ? this.index.queuePosition(job.ref) : null,
    ]);
    if (!isFinished(job.status) && position === null) this.askedFor.note(job.ref);
    return { ...viewOf(job), text, ...(position === null ? {} : { queuePosition: position }) };
  }
}
