import type { Seen, SseEvent } from '@millrace/testing';
import type { JobPlan } from './job-plan.ts';

/** One request about a job and how it was answered. Times are of `performance.now()`. */
export interface Ask {
  readonly what: 'POST' | 'DELETE';
  readonly at: number;
  readonly answeredAt: number;
  /** 0: the connection was lost before there was an answer; null: none came within the bound */
  readonly status: number | null;
  /** what the answer calls the job */
  readonly id: string | null;
  /** the status of the job, where the answer shows one that has ended */
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

/** All that is known of one job at the end of the run. */
export interface Testimony {
  readonly plan: JobPlan;
  /** null: it was never accepted */
  readonly id: string | null;
  readonly asks: readonly Ask[];
  readonly seen: readonly Watched[];
  readonly read: readonly Read[];
  /** as it stands in Redis at the end; its texts are called `message`, as on the wire */
  readonly log: readonly SseEvent[];
}
