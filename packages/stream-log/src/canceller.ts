import type { CancelledBy } from '@millrace/contracts';
import type { KeySpace } from './keys.ts';
import type { LogLimits } from './limits.ts';
import { publishCommand, type RedisConnection, type RunScript, scriptsOf } from './scripts.ts';

export type CancelOutcome = 'cancelled' | 'already-cancelled' | 'finished' | 'not-found';

const OUTCOMES = new Map<unknown, CancelOutcome>([
  [1, 'cancelled'],
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

  /** @param who.tenant the only tenant whose job this may be; null for an admin or the system
   *  @see PROTOCOL.md §6 */
  async cancel(id: string, who: { by: CancelledBy; tenant: string | null }): Promise<CancelOutcome> {
    const reply = await this.#run('close', this.keys.ofJob(id), [
      this.#publish,
      this.limits.recordRetentionMs,
      this.limits.logRetentionMs,
      ...['', '', who.tenant ?? ''],
      ...['cancelled', 'cancelled', JSON.stringify({ by: who.by })],
      ...[this.keys.control, id, ''],
    ]);
    const outcome = OUTCOMES.get(reply);
    if (outcome === undefined) throw new Error(`close.lua answered ${String(reply)} to a cancel`);
    return outcome;
  }
}
