import type { CancelledBy, JobRef } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { publishCommand, type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import { closeJob, type JobEnd } from './close-job.ts';
import type { LogLimits } from './record.ts';

export type CancelOutcome =
  | { readonly kind: 'cancelled' | 'already-cancelled'; readonly end: JobEnd }
  | { readonly kind: 'finished' }
  | { readonly kind: 'not-found' };

/** Ends jobs from outside. A cancel is a write: when it returns, `cancelled` is stored and the log is closed (law 7). */
export class JobCanceller {
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

  /** @see PROTOCOL.md §6 */
  async cancel(ref: JobRef, by: CancelledBy): Promise<CancelOutcome> {
    const { keys, limits } = this;
    const reply = await closeJob(
      { run: this.#run, publish: this.#publish, keys, limits },
      { ref, status: 'cancelled', event: { type: 'cancelled', data: { by } } },
    );
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
