import { eventId, idOf, type JobRef, type JobRequest, type StoredEvent } from '@millrace/contracts';
import { type ContentCipher, PLAIN, type Sealer } from '../encryption/content-cipher.ts';
import { IdempotencyMismatch } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { contentsOf } from './job-contents.ts';
import { type JobScripts, jobScripts } from './job-scripts.ts';
import type { NewJob } from './new-job.ts';
import { JOB_FORMAT, type JobOutline, type LogLimits, RESUMES } from './record.ts';

/** The first event of every job. */
export function acceptedEvent(ref: JobRef, threadId?: string): StoredEvent {
  return { id: eventId(0, 1), type: 'accepted', data: JSON.stringify({ id: idOf(ref), status: 'queued', threadId }) };
}

/** Stores new jobs: record and `accepted` event at once. */
export class JobOpener {
  readonly #scripts: JobScripts;

  /** @param cipher of the words in jobs */
  constructor(
    redis: RedisConnection,
    keys: KeySpace,
    limits: LogLimits,
    readonly cipher: ContentCipher = PLAIN,
  ) {
    this.#scripts = jobScripts(redis, keys, limits);
  }

  /** @returns what seals a new job, with the key that its tenant has now; null: nothing is encrypted
   *  @throws ContentUnreadable `unavailable` */
  sealerOf(ref: JobRef): Promise<Sealer | null> | null {
    return this.cipher.seals ? contentsOf(this.cipher, ref).sealer() : null;
  }

  /** @returns whether a job was made by a request with this fingerprint
   *  @throws ContentUnreadable */
  async isMadeBy(
    { ref, fingerprint: stored }: Pick<JobOutline, 'ref' | 'fingerprint'>,
    fingerprint: string,
  ): Promise<boolean> {
    if (stored === fingerprint) return true;
    return (await contentsOf(this.cipher, ref).markOf(stored, fingerprint)) === stored;
  }

  /** Called twice for the same job, it makes one.
   *  @returns when it was opened, ms since the epoch by Redis's clock; null: the same job exists
   *  @throws IdempotencyMismatch the id stands for another request
   *  @see PROTOCOL.md §2 */
  async open(job: NewJob): Promise<number | null> {
    const { ref, fingerprint, plainFingerprint, request, traceparent, idempotencyDigest } = job;
    const { run, publish, keys, limits } = this.#scripts;
    const reply = await run('open', keys.ofJob(ref), [
      // a job that starts later is silent until then
      ...[publish, limits.unfinishedRetentionMs + (request.delayMs ?? 0)],
      ...[fingerprint, plainFingerprint, acceptedEvent(ref, request.threadId).data],
      ...['format', JOB_FORMAT],
      ...['request', job.requestJson],
      ...['requestBytes', job.requestBytes],
      ...['keptBytes', job.keptBytes],
      ...['promptTokens', job.promptTokens],
      ...['pipeline', request.pipeline],
      ...['model', request.model],
      ...['onCrash', request.onCrash],
      ...['onDisconnect', request.onDisconnect],
      ...['metadata', job.metadataJson],
      ...(traceparent === null ? [] : ['traceparent', traceparent]),
      ...(idempotencyDigest === null ? [] : ['idempotencyDigest', idempotencyDigest]),
      ...(job.webhook === undefined ? [] : ['webhook', job.webhook]),
      ...(request.delayMs === undefined ? [] : ['delayMs', request.delayMs]),
      ...(request.threadId === undefined ? [] : threadFields(request.threadId, request)),
    ]);
    if (reply === -1) throw new IdempotencyMismatch(ref);
    return reply === 0 ? null : Number(reply);
  }
}

/** Where the job belongs, and what a sweep must know to put it there. */
function threadFields(threadId: string, { onBusy = 'enqueue', resume, continues }: JobRequest): string[] {
  return [
    ...['threadId', threadId, 'onBusy', resume === undefined ? onBusy : RESUMES],
    ...(continues === undefined ? [] : ['continues', continues]),
  ];
}
