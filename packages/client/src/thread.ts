import type { Interrupt, Message } from './job.ts';

/** A conversation: its jobs in order, and its state. Times are ISO 8601. @see PROTOCOL.md §10 */
export interface Thread {
  readonly id: string;
  readonly status: 'idle' | 'busy' | 'interrupted' | 'error';
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** id of the job that runs, or is about to */
  readonly activeJob: string | null;
  /** id of the job that ended last */
  readonly lastJob: string | null;
  /** open questions of its agent: a job with `resume` answers them */
  readonly interrupts: readonly Interrupt[];
}

/** The body of `POST /threads`. */
export interface NewThread {
  /** 1 to 64 of `A-Za-z0-9_-`; made by the server if left out */
  readonly id?: string;
  /** at most 16 entries; merged with those of a thread that exists */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Where a new thread begins. */
export interface ForkOptions {
  /** id of the new thread; made by the server if left out */
  readonly id?: string;
  /** of an agent: the checkpoint to begin with; the newest if left out */
  readonly checkpointId?: string;
}

/** One page of threads, newest first. */
export interface ThreadPage {
  readonly items: readonly Thread[];
  readonly nextCursor: string | null;
}

/** Which page of a list to get. */
export interface PageFilter {
  /** at most 100 */
  readonly limit?: number;
  readonly cursor?: string;
  /** admins only */
  readonly tenant?: string;
}

/** A message of a thread. */
export interface ThreadMessage extends Message {
  readonly messageId?: string;
  /** the job that brought or said it; null where an agent's thread does not know */
  readonly jobId: string | null;
}

/** One page of messages, oldest first. */
export interface ThreadMessagePage {
  readonly items: readonly ThreadMessage[];
  readonly nextCursor: string | null;
}
