import type { Seen, SseEvent } from '@millrace/testing';
import type { JobPlan } from './job-plan.ts';

/** One request about a job and its answer. Times are `performance.now()`. */
export interface Ask {
  readonly what: 'POST' | 'DELETE';
  readonly at: number;
  readonly answeredAt: number;
  /** 0: the connection was lost before an answer; null: no answer within the bound */
  readonly status: number | null;
  /** the id of the job in the answer */
  readonly id: string | null;
  /** the status of the job, if the answer shows an ended one */
  readonly end?: string | undefined;
}

/** What one reader of the stream has seen. */
export interface Watched extends Required<Seen> {
  readonly connections: number;
}

/** What one reader of the bare text has read. */
export interface Read {
  readonly text: string;
  /** the body ended properly */
  readonly clean: boolean;
}

/** Everything known about one job at the end of the run. */
export interface Testimony {
  readonly plan: JobPlan;
  /** null: it was never accepted */
  readonly id: string | null;
  readonly asks: readonly Ask[];
  readonly seen: readonly Watched[];
  readonly read: readonly Read[];
  /** the log in Redis at the end; its texts are named `message`, as on the wire */
  readonly log: readonly SseEvent[];
}
