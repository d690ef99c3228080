import type { ResumingReader, Seen, SseEvent } from '@millrace/testing';
import type { JobPlan } from './job-plan.ts';
import type { ThreadPlan } from './thread-plan.ts';

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
  /** when its first attempt began, by the clock of Redis, milliseconds since the epoch; null: it never ran */
  readonly startedAt: number | null;
  /** likewise; null: it has no end */
  readonly finishedAt: number | null;
  /** it was deleted, together with its thread */
  readonly isErased: boolean;
}

/** What one reader of a thread's stream has seen. */
export interface Follower extends Watched {
  /** see {@link ResumingReader.begins} */
  readonly begins: string | null;
  /** the thread was no longer there when it came back */
  readonly isGone: boolean;
}

/** A copy of a thread that was asked for, and what it holds. */
export interface Copy {
  readonly id: string;
  readonly held: readonly string[];
  /** the job that was begun in it; null: there is no copy */
  readonly job: Testimony | null;
}

/** Everything known about one conversation at the end of the run. */
export interface ThreadTestimony {
  readonly plan: ThreadPlan;
  readonly jobs: readonly Testimony[];
  /** as the service shows it; null: there is no such thread */
  readonly status: string | null;
  /** what it holds: the steps in an agent's state, or the messages of a chat as {@link line} writes them */
  readonly held: readonly string[];
  readonly copies: readonly Copy[];
  /** ids of the jobs that have had their turn, in order, as Redis has them */
  readonly order: readonly string[];
  readonly followers: readonly Follower[];
  /** what the model was told when it was asked for the answer to a prompt: each message as {@link line} writes it */
  readonly told: readonly (readonly string[])[];
  readonly isDeleted: boolean;
  /** a job ran right before the deletion */
  readonly wasBusy: boolean;
  /** keys in Redis that name the thread or a job of it, if it was deleted */
  readonly left: readonly string[];
  readonly statuses: readonly { readonly what: 'fork' | 'DELETE'; readonly status: number | null }[];
}

/** A message in one line. */
export function line(role: string, text: string): string {
  return `${role}: ${text}`;
}
