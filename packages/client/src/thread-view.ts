import type { Interrupt, Message } from './job-view.ts';

/** A conversation: its jobs in order, and its state. Times are ISO 8601. @see PROTOCOL.md §10 */
export interface ThreadView {
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

/** A place in a conversation: a message, or all those that a job brought and said. */
export type ForkPlace = { readonly messageId: string } | { readonly jobId: string };

/** Where a new thread begins: at most one of `before`, `after` and `checkpointId`; where the thread stands if all are left out. */
export interface ForkOptions {
  /** id of the new thread; made by the server if left out */
  readonly id?: string;
  /** the new thread has what was before it */
  readonly before?: ForkPlace;
  /** the new thread has what was up to it, and it */
  readonly after?: ForkPlace;
  /** of an agent: the checkpoint to begin with */
  readonly checkpointId?: string;
}

/** One page of threads, newest first. */
export interface ThreadPage {
  readonly items: readonly ThreadView[];
  readonly nextCursor: string | null;
  /** the service has several Redis, and one does not answer: what it has is missing here */
  readonly incomplete?: true;
}

/** Which page of a list to get. */
export interface PageFilter {
  /** at most 100 */
  readonly limit?: number;
  readonly cursor?: string;
  /** admins only */
  readonly tenant?: string;
}

/** Which threads `list` asks for. */
export interface ThreadFilter extends PageFilter {
  /** only those with this text in `metadata.title`, in any case; a page may then be short or empty before the last one */
  readonly search?: string;
}

/** Where an agent's thread stands, or stood. */
export interface Checkpoint {
  readonly checkpointId: string;
  /** the one before; null: it is the first */
  readonly parentId: string | null;
  readonly createdAt: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** names of the nodes that run next */
  readonly next: readonly string[];
  readonly interrupts: readonly Interrupt[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** the attempt that wrote it; null if that is not known */
  readonly origin: { readonly job: string; readonly attempt: number; readonly seq: number } | null;
}

/** One page of checkpoints, newest first. */
export interface CheckpointPage {
  readonly items: readonly Checkpoint[];
  readonly nextCursor: string | null;
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
