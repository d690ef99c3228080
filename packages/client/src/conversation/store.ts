import type { ContentPart, NewJob } from '../job-view.ts';
import type { ThreadView } from '../thread-view.ts';
import type { ConversationProblem, ConversationSnapshot, JobSnapshot } from './snapshot.ts';

/** A value over time, in the form of React's `useSyncExternalStore`. Both functions may be passed on without their object. */
export interface Store<T> {
  /** Calls the listener after each change, once for all changes of one frame. While somebody subscribes, the store follows the
   *  server; it stops shortly after the last one has left.
   *  @returns unsubscribes */
  readonly subscribe: (listener: () => void) => () => void;
  /** The same object until something has changed. */
  readonly getSnapshot: () => T;
}

/** How a message is to be answered. */
export type JobOptions = Omit<NewJob, 'query' | 'messages' | 'input' | 'resume' | 'threadId'>;

/** A thread, as a page shows it and as people act on it. What it holds comes from the server alone: messages that are stored,
 *  then events as they happen, whichever device caused them; only a message that is being sent is shown before. No method throws:
 *  what fails is told in the snapshot, as a `problem`. */
export interface ConversationStore extends Store<ConversationSnapshot> {
  /** Says something, and makes the thread if it is new. While a job runs, `onBusy` decides.
   *  @returns whether the server has accepted it */
  send(content: string | readonly ContentPart[], options?: JobOptions): Promise<boolean>;
  /** Starts an agent with an input that is not a message. */
  start(input: Readonly<Record<string, unknown>>, options?: JobOptions): Promise<boolean>;
  /** Answers what the agent asks.
   *  @param value any JSON; `{interruptId: value, …}` where it asks several */
  resume(value: unknown, options?: JobOptions): Promise<boolean>;
  /** Cancels a job.
   *  @param jobId default: the one that runs, or is next */
  stop(jobId?: string): Promise<boolean>;
  /** Tries again. A user message that was refused is sent again. For an answer: the conversation goes on in a new thread, which has
   *  everything before that answer's question, then the question again.
   *  @param id of the message */
  retry(id: string, options?: JobOptions): Promise<boolean>;
  /** Says something else instead of an earlier message: the conversation goes on in a new thread, which has everything before that
   *  message. `threadId` of the snapshot changes; the thread before stays as it is.
   *  @param id of a user message */
  edit(id: string, content: string | readonly ContentPart[], options?: JobOptions): Promise<boolean>;
  /** Makes a thread of everything up to a message, with that message; this store stays with its own.
   *  @returns the id of the new thread; null: it could not be made */
  fork(id: string): Promise<string | null>;
  /** Sets the title in the thread's metadata. */
  rename(title: string): Promise<boolean>;
  /** Erases the thread with its jobs. */
  erase(): Promise<boolean>;
  /** Forgets everything, and reads it from the server. */
  reload(): Promise<void>;
  /** Clears the snapshot's `problem`, and follows the thread again where that had ended. */
  dismiss(): void;
}

/** One job, as a page shows it. No method throws. */
export interface JobStore extends Store<JobSnapshot> {
  /** Cancels the job. */
  stop(): Promise<boolean>;
  /** Reads on where a refusal has ended it. */
  reload(): void;
}

/** What a list of threads shows at one moment. */
export interface ThreadListSnapshot {
  readonly state: 'loading' | 'ready' | 'failed';
  /** newest first */
  readonly threads: readonly ThreadView[];
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  /** threads are missing, because one of several Redis of the service did not answer */
  readonly isIncomplete: boolean;
  /** what is searched for in titles; null: nothing */
  readonly search: string | null;
  readonly problem: ConversationProblem | null;
}

/** The caller's threads, page by page. No method throws. */
export interface ThreadListStore extends Store<ThreadListSnapshot> {
  /** Reads the first page again, and keeps what is shown until it is there. */
  refresh(): Promise<void>;
  loadMore(): Promise<void>;
  /** @param text part of a title; null: all threads */
  search(text: string | null): Promise<void>;
  rename(id: string, title: string): Promise<boolean>;
  /** Erases a thread with its jobs. */
  erase(id: string): Promise<boolean>;
}
