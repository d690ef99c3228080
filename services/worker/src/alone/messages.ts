import type { AttemptInfo, AttemptResult, JobRef } from '@millrace/contracts';
import type { PickUpResult, StopReason } from '../attempt/job-runner.ts';
import type { Counts } from './counts.ts';

/** A job that is to run in a process of its own. */
export interface AloneJob {
  readonly ref: JobRef;
  readonly leaseToken: string;
  /** that has it */
  readonly shard: number;
}

/** What a worker tells the process that runs one job alone. */
export type AloneOrder =
  | ({ readonly kind: 'run' } & AloneJob)
  /** an agent is to move at its next checkpoint */
  | { readonly kind: 'drain'; readonly reason: StopReason }
  | { readonly kind: 'stop'; readonly reason: StopReason };

/** What that process tells its worker. */
export type AloneReport =
  /** its event loop turns; `counts`: since the report before; null: it is still starting */
  | { readonly kind: 'alive'; readonly counts: Counts | null }
  | { readonly kind: 'began'; readonly attempt: AttemptInfo }
  /** `attempt`: null if none began */
  | {
      readonly kind: 'ended';
      readonly pickUp: PickUpResult;
      readonly attempt: AttemptResult | null;
      readonly counts: Counts;
    };

/** How often such a process says that it is alive, as a fraction of the time after which a worker counts as dead. */
export const ALIVE_FRACTION = 1 / 4;
