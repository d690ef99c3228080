import { type JobRef, type JobRequest, promptTokensOf } from '@millrace/contracts';
import type { Sealer } from '../encryption/content-cipher.ts';

/** What a job has in Redis beside its texts: record, log, entries of the registry and the queue, bytes. Measured with
 *  a job without output: 1.6 to 1.9 KiB, by the length of its reference. */
const OVERHEAD_BYTES = 2_048;

interface Parts {
  readonly ref: JobRef;
  /** digest of the body: the same id with another body is another request */
  readonly fingerprint: string;
  readonly request: JobRequest;
  readonly metadata: Readonly<Record<string, string>>;
  /** W3C trace context of the request that makes the job */
  readonly traceparent?: string | undefined;
  /** of the idempotency key that stands for it */
  readonly idempotencyDigest?: string | null | undefined;
}

/** A job that is to be opened. Its JSON is written once, so that its size is known before it is stored. */
export class NewJob {
  readonly ref: JobRef;
  /** as the record is to have it */
  readonly fingerprint: string;
  /** as a record has it that was written without encryption */
  readonly plainFingerprint: string;
  readonly request: JobRequest;
  readonly traceparent: string | null;
  readonly idempotencyDigest: string | null;
  /** the request, metadata and webhook as the record is to have them */
  readonly requestJson: string;
  readonly metadataJson: string;
  readonly webhook: string | undefined;
  /** of the request, which is kept until the job ends */
  readonly requestBytes: number;
  /** estimate of what the request sends to its model, tokens */
  readonly promptTokens: number;
  /** of what is kept for as long as the record, beside the log */
  readonly keptBytes: number;

  /** @param sealer see {@link JobOpener.sealerOf} */
  constructor({ ref, fingerprint, request, metadata, traceparent, idempotencyDigest }: Parts, sealer?: Sealer | null) {
    const stored = (text: string, name: string) => sealer?.seal(text, name) ?? text;
    this.ref = ref;
    this.fingerprint = sealer?.mark(fingerprint) ?? fingerprint;
    this.plainFingerprint = fingerprint;
    this.request = request;
    this.traceparent = traceparent ?? null;
    this.idempotencyDigest = idempotencyDigest ?? null;
    this.requestJson = stored(JSON.stringify(request), 'request');
    this.metadataJson = stored(JSON.stringify(metadata), 'metadata');
    this.webhook = request.webhook === undefined ? undefined : stored(request.webhook, 'webhook');
    this.requestBytes = Buffer.byteLength(this.requestJson);
    this.promptTokens = promptTokensOf(request);
    this.keptBytes = OVERHEAD_BYTES + Buffer.byteLength(this.metadataJson);
  }
}
