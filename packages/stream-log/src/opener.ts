import { eventId, type JobRequest, type StoredEvent } from '@millrace/contracts';
import { IdempotencyMismatch } from './errors.ts';
import type { KeySpace } from './keys.ts';
import type { LogLimits } from './limits.ts';
import { publishCommand, type RedisConnection, type RunScript, scriptsOf } from './scripts.ts';

export interface NewJob {
  readonly id: string;
  readonly tenant: string;
  /** digest of the body: the same id with another body is another request */
  readonly fingerprint: string;
  readonly request: JobRequest;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The first event of every job. */
export function acceptedEvent(id: string): StoredEvent {
  return { id: eventId(0, 1), type: 'accepted', data: JSON.stringify({ id, status: 'queued' }) };
}

/** Stores new jobs: record and `accepted` event at once. */
export class JobOpener {
  readonly #run: RunScript;
  readonly #publish: string;

  constructor(
    redis: RedisConnection,
    readonly keys: KeySpace,
    readonly limits: LogLimits,
  ) {
    this.#run = scriptsOf(redis);
    this.#publish = publishCommand(redis);
  }

  /** Asked twice for the same job, it makes one.
   *  @throws IdempotencyMismatch another body, or another tenant, holds the id
   *  @see PROTOCOL.md §2 */
  async open(job: NewJob): Promise<'opened' | 'existing'> {
    const reply = await this.#run('open', this.keys.ofJob(job.id), [
      this.#publish,
      this.limits.unfinishedRetentionMs,
      job.tenant,
      job.fingerprint,
      acceptedEvent(job.id).data,
      ...['request', JSON.stringify(job.request)],
      ...['pipeline', job.request.pipeline],
      ...['model', job.request.model],
      ...['onCrash', job.request.onCrash],
      ...['metadata', JSON.stringify(job.metadata)],
    ]);
    if (reply === -1) throw new IdempotencyMismatch(job.id);
    return reply === 1 ? 'opened' : 'existing';
  }
}
