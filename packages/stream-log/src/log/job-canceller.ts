import type { CancelledBy, JobRef } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { closeJob, type JobEnd } from './close-job.ts';
import { type JobScripts, jobScripts } from './job-scripts.ts';
import type { LogLimits } from './record.ts';

export type CancelOutcome =
  | { readonly kind: 'cancelled' | 'already-cancelled'; readonly end: JobEnd }
  | { readonly kind: 'finished' }
  | { readonly kind: 'not-found' };

/** Ends jobs from outside. A cancel is a write: when it returns, `cancelled` is stored and the log is closed (law 7). */
export class JobCanceller {
  readonly #scripts: JobScripts;

  constructor(redis: RedisConnection, keys: KeySpace, limits: LogLimits) {
    this.#scripts = jobScripts(redis, keys, limits);
  }

  /** @see PROTOCOL.md §6 */
  async cancel(ref: JobRef, by: CancelledBy): Promise<CancelOutcome> {
    const reply = await closeJob(this.#scripts, {
      ref,
      status: 'cancelled',
      event: { type: 'cancelled', data: { by } },
    });
    switch (reply.outcome) {
      case 'closed':
        return { kind: 'cancelled', end: reply.end };
      case 'closed-already':
        return { kind: 'already-cancelled', end: reply.end };
      case 'ended':
        return { kind: 'finished' };
      case 'missing':
        return { kind: 'not-found' };
      default:
        throw new Error(`close.lua answered ${reply.outcome} to a cancel`);
    }
  }
}
