import type { JobView } from '@millrace/contracts';
import { isFinished, type JobIndex, type JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { type Caller, reachOf } from '../auth/caller.ts';
import { UnknownJob } from '../http/problem.ts';
import { JOB_INDEX, JOB_READER } from '../tokens.ts';
import { viewOf } from './job-view.ts';
import { AskedFor } from './sweep/asked-for.ts';

/** One job with its text so far. @see PROTOCOL.md §5 */
@Injectable()
export class LookAtJob {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JOB_INDEX) private readonly index: JobIndex,
    @Inject(AskedFor) private readonly askedFor: AskedFor,
  ) {}

  /** @throws UnknownJob */
  async run(id: string, caller: Caller): Promise<JobView> {
    const job = await this.reader.get(id);
    const reach = reachOf(caller);
    if (job === null || (reach !== null && job.tenant !== reach)) throw new UnknownJob();
    const [text, position] = await Promise.all([
      this.reader.text(id),
      job.status === 'queued' ? this.index.queuePosition(id) : null,
    ]);
    if (!isFinished(job.status) && position === null) this.askedFor.note(id);
    return { ...viewOf(job), text, ...(position === null ? {} : { queuePosition: position }) };
  }
}
