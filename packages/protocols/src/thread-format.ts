import type { StreamEncoder, StreamedJob } from './stream-format.ts';

/** Encodes the jobs of a thread for one connection, one after the other. The end of a job does not end the body.
 *  Its caller says which job the next batches belong to. */
export interface ThreadEncoder extends StreamEncoder {
  /** The batches from now on belong to this job. */
  begin(job: StreamedJob): void;
  /** The batches from now on say that a job is gone. */
  beginLost(jobId: string): void;
}
