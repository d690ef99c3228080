import type { CancelledBy, JobRef } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { publishCommand, type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import type { LogLimits } from './limits.ts';

export type CancelOutcome =
  /** `keptBytes`: what the ended job keeps in Redis */
  | { readonly kind: 'cancelled'; readonly keptBytes: number }
  | { readonly kind: 'already-cancelled' | 'finished' | 'not-found' };

const OUTCOMES = new Map<number, Exclude<CancelOutcome['kind'], 'cancelled'>>([
  [0, 'already-cancelled'],
  [-2, 'finished'],
  [-5, 'not-found'],
]);

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
    const reply = Number(
      await this.#run('close', this.keys.ofJob(ref), [
        this.#publish,
        this.limits.recordRetentionMs,
        this.limits.logRetentionMs,
        ...['', '', 'cancelled', 'cancelled', JSON.stringify({ by })],
        ...[this.keys.control, ref, ''],
      ]),
    );
    if (reply > 0) return { kind: 'cancelled', keptBytes: reply };
    const kind = OUTCOMES.get(reply);
    if (kind === undefined) throw new Error(`close.lua answered ${reply} to a cancel`);
    return { kind };
  }
}
