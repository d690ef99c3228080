import { LOG_START } from '@millrace/contracts';
import type { StreamFormat } from '@millrace/protocols';
import { Inject, Injectable } from '@nestjs/common';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { type LogPart, ReadLog } from './read-log.ts';
import { streamedJob } from './streamed-job.ts';

/** The end of an SSE frame. Its data is one line. */
const END = '\n\n';
const LAST_FRAME = Buffer.from('data: [DONE]\n\n');

/** Counts the chunks of a job so far, in a format of SSE frames: the `[DONE]` after the last is none. It holds a page of the
 *  log at a time. */
@Injectable()
export class ChunkCount {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(ReadLog) private readonly readLog: ReadLog,
  ) {}

  /** @throws JobNotFound, AmbiguousId, LogExpired */
  async run({ format, ...named }: NamedJob & { readonly format: StreamFormat }): Promise<number> {
    const encoder = format.connect(streamedJob(await this.access.get(named)));
    let count = 0;
    for (let after: LogPart['last'] = LOG_START; ; ) {
      const part = await this.readLog.run({ ...named, after });
      const { bytes, outcome } = encoder.encode({ events: part.events, replay: false });
      if (bytes !== null) {
        count += framesIn(bytes) - (bytes.subarray(-LAST_FRAME.length).equals(LAST_FRAME) ? 1 : 0);
      }
      if (outcome !== 'continue' || part.isUpToDate || part.isClosed || part.events.length === 0) return count;
      after = part.last;
    }
  }
}

function framesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(END); at >= 0; at = bytes.indexOf(END, at + END.length)) count += 1;
  return count;
}
