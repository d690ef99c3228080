import type { JobRef, JobRequest } from '@millrace/contracts';

/** What a job takes in Redis beside its texts: record, log, places in the lists and the queue, bytes. Measured with a job
 *  that says nothing: 1.6 to 1.9 KiB, by the length of its reference. */
const OVERHEAD_BYTES = 2_048;

interface Parts {
  readonly ref: JobRef;
  /** digest of the body: the same id with another body is another request */
  readonly fingerprint: string;
  readonly request: JobRequest;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A job that is to be opened, written as JSON once: it is weighed before it is stored. */
export class NewJob {
  readonly ref: JobRef;
  readonly fingerprint: string;
  readonly request: JobRequest;
  readonly requestJson: string;
  readonly metadataJson: string;
  /** of the request, which is kept until the job ends */
  readonly requestBytes: number;
  /** of what is kept for as long as the record, beside the log */
  readonly keptBytes: number;

  constructor({ ref, fingerprint, request, metadata }: Parts) {
    this.ref = ref;
    this.fingerprint = fingerprint;
    this.request = request;
    this.requestJson = JSON.stringify(request);
    this.metadataJson = JSON.stringify(metadata);
    this.requestBytes = Buffer.byteLength(this.requestJson);
    this.keptBytes = OVERHEAD_BYTES + Buffer.byteLength(this.metadataJson);
  }
}
