import { eventId, idOf, type JobRef, type JobRequest, type StoredEvent } from '@millrace/contracts';
import { IdempotencyMismatch } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { type JobScripts, jobScripts } from './job-scripts.ts';
import type { NewJob } from './new-job.ts';
import { type LogLimits, RESUMES } from './record.ts';

/** The first event of every job. */
export function acceptedEvent(ref: JobRef, threadId?: string): StoredEvent {
  return { id: eventId(0, 1), type: 'accepted', data: JSON.stringify({ id: idOf(ref), status: 'queued', threadId }) };
}

/** Stores new jobs: record and `accepted` event at once. */
export class JobOpener {
  readonly #scripts: JobScripts;

  constructor(redis: RedisConnection, keys: KeySpace, limits: LogLimits) {
    this.#scripts = jobScripts(redis, keys, limits);
  }

  /** Called twice for the same job, it makes one.
   *  @returns when it was opened, ms since the epoch by Redis's clock; null: the same job exists
   *  @throws IdempotencyMismatch the id stands for another request
   *  @see PROTOCOL.md §2 */
  async open(job: NewJob): Promise<number | null> {
    const { ref, fingerprint, request, traceparent, idempotencyDigest } = job;
    const { run, publish, keys, limits } = this.#scripts;
    const reply = await run('open', keys.ofJob(ref), [
      // a job that starts later is silent until then
      ...[publish, limits.unfinishedRetentionMs + (request.delayMs ?? 0)],
      ...[fingerprint, acceptedEvent(ref, request.threadId).data],
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
      ...(request.webhook === undefined ? [] : ['webhook', request.webhook]),
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
