import type { StreamErrorCode } from './error-code.ts';
import type { Usage } from './job.ts';

/** How an attempt ended.
 *  - `completed`, `failed`, `cancelled`: with its job
 *  - `fenced`: a newer attempt owns the job
 *  - `handed-over`, `log-lost`: the job continues in another attempt
 *  - `void`: the job had already ended, or its record is gone */
export type AttemptOutcome = 'completed' | 'failed' | 'cancelled' | 'fenced' | 'handed-over' | 'log-lost' | 'void';

/** An attempt before it starts. */
export interface AttemptInfo {
  readonly jobId: string;
  readonly tenant: string;
  /** 1, 2, … */
  readonly attempt: number;
  readonly pipeline: string;
  /** `provider:name` */
  readonly model: string;
  /** the W3C trace context of the job's request; null without one */
  readonly traceparent: string | null;
  /** from the time that the job was to start, at the earliest, to its first attempt, milliseconds */
  readonly queueMs: number;
}

/** An attempt after its end. */
export interface AttemptResult {
  readonly outcome: AttemptOutcome;
  /** of all model calls of this attempt, as far as their providers reported it */
  readonly usage: Usage;
  /** of a failed attempt */
  readonly code?: StreamErrorCode;
}

/** Observes every attempt of a worker, for example to trace it. Hooks nest in the order of their list: the first is the
 *  outermost.
 *
 *  A hook cannot change an attempt: the worker uses the result or error of the attempt itself. It logs what a hook throws,
 *  and runs the attempt even if a hook does not call `next`. It does wait for a hook, so a hook must not block. */
export interface AttemptHook {
  /** @param next runs the attempt, and the inner hooks; further calls return the same promise
   *  @throws what `next` throws: unexpected errors only. A failed attempt is a result. */
  around(attempt: AttemptInfo, next: () => Promise<AttemptResult>): Promise<AttemptResult>;
}
