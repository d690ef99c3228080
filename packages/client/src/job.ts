import type { JobErrorCode, Usage } from './job-event.ts';

export type JobStatus = 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';

export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
}

/** The body of `POST /jobs`: exactly one of `query` and `messages`. @see PROTOCOL.md §2 */
export interface NewJob {
  /** shorthand for one user message */
  readonly query?: string;
  readonly messages?: readonly Message[];
  /** which pipeline answers, `chat` unless told */
  readonly pipeline?: string;
  /** `provider:name`, or a bare name for the default provider */
  readonly model?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
  /** what happens when the creating connection is lost and nobody watches, `continue` unless told */
  readonly onDisconnect?: 'continue' | 'cancel';
  /** what a new attempt does when tokens were already published, `restart` unless told */
  readonly onCrash?: 'restart' | 'fail';
  /** wall clock from the start of the attempt, milliseconds */
  readonly timeoutMs?: number;
  /** at most 16 entries, echoed back */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A job as the server shows it; times are ISO 8601. @see PROTOCOL.md §5 */
export interface Job {
  readonly id: string;
  readonly status: JobStatus;
  readonly pipeline: string;
  readonly model: string;
  readonly attempt: number;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly firstTokenAt: string | null;
  readonly finishedAt: string | null;
  readonly lastEventId: string | null;
  /** the answer so far, or whole; absent in lists, null once the log has expired */
  readonly text?: string | null;
  readonly usage: Usage | null;
  readonly error: { readonly code: JobErrorCode; readonly message: string; readonly retryable: boolean } | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** 1 = next; only while queued */
  readonly queuePosition?: number;
}

/** One page of jobs, newest first. */
export interface JobPage {
  readonly items: readonly Job[];
  /** pass it to `list` for the next page; null: this was the last */
  readonly nextCursor: string | null;
}

/** Which jobs `list` asks for. */
export interface JobFilter {
  readonly status?: JobStatus;
  /** at most 100 */
  readonly limit?: number;
  readonly cursor?: string;
  /** admins only */
  readonly tenant?: string;
}
