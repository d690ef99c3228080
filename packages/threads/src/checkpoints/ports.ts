import type { BaseCheckpointSaver, BaseStore } from '@langchain/langgraph-checkpoint';
import type { ContentPart, Interrupt, ThreadRef, ToolCall } from '@millrace/contracts';
import type { RedisConnection } from '@millrace/stream-log';

/** Names the attempt that a thread belongs to, as `Threads.claim` has stored it. */
export interface AttemptLease {
  readonly ref: ThreadRef;
  /** id of the job, without its tenant */
  readonly jobId: string;
  readonly attempt: number;
  readonly leaseToken: string;
  /** of the job */
  readonly pipeline?: string;
  /** the thread has no checkpoint before this attempt stores one: nothing need be read */
  readonly isNew?: boolean;
}

/** Which attempt wrote a checkpoint, and what of its log the checkpoint covers: the events with a seq of at most `seq`. */
export interface CheckpointOrigin {
  readonly job: string;
  readonly attempt: number;
  readonly seq: number;
  /** of the job, where it is known */
  readonly pipeline?: string;
}

/** A checkpoint that is about to be written. */
export interface CheckpointPlace {
  /** '' for the graph itself, otherwise that of a subgraph */
  readonly namespace: string;
  /** as in the checkpoint's metadata: `loop` after a step; `input`, `fork` or `update` before the first one */
  readonly source: string;
}

/** The log of the attempt that writes checkpoints, as its saver sees it. */
export interface AttemptLog {
  /** Called by every `put`, synchronously, before it writes. Resolves when the log has stored all that the graph said before
   *  this checkpoint. Only a checkpoint of the graph itself waits: one of a subgraph is void without the step that it belongs
   *  to, whose other tasks may go on talking.
   *  @returns seq of the last event in the attempt's log that belongs before the checkpoint
   *  @throws StreamLogError the attempt may write no more: the checkpoint must not be written */
  flushed(checkpoint: CheckpointPlace): Promise<number>;
}

/** Where a thread stands. */
export interface Head {
  readonly checkpointId: string;
  /** null: not written by an attempt, but by the API or a fork */
  readonly origin: CheckpointOrigin | null;
}

/** A message of an agent's state, in the shape of PROTOCOL.md §2. */
export interface StateMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  readonly content: string | readonly ContentPart[];
  readonly messageId?: string;
  readonly name?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly toolCallId?: string;
}

/** A checkpoint as plain JSON. */
export interface CheckpointView {
  readonly checkpointId: string;
  readonly parentId: string | null;
  /** ISO 8601 */
  readonly createdAt: string;
  /** the state, by channel, without LangGraph's own channels; messages of LangChain in the shape of {@link StateMessage} */
  readonly values: Readonly<Record<string, unknown>>;
  /** nodes that run next; empty where the graph has ended */
  readonly next: readonly string[];
  /** questions that wait for an answer at this checkpoint */
  readonly interrupts: readonly Interrupt[];
  /** `source`, `step` and what else the graph's run has put there */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly origin: CheckpointOrigin | null;
}

export interface CheckpointPage {
  /** newest first; fewer than asked for where they are large */
  readonly checkpoints: readonly CheckpointView[];
  /** whether there are older ones */
  readonly more: boolean;
}

/** What the API asks of the checkpoints. Its implementation for Redis imports nothing of LangChain. */
export interface Checkpoints {
  headOf(ref: ThreadRef): Promise<Head | null>;
  /** @param checkpointId default: the head
   *  @returns null: no such checkpoint */
  readState(ref: ThreadRef, checkpointId?: string): Promise<CheckpointView | null>;
  /** @param before id of a checkpoint: only older ones
   *  @param limit at most 100, default 10 */
  history(ref: ThreadRef, page?: { before?: string; limit?: number }): Promise<CheckpointPage>;
  /** @returns by id of a message of the state the job that has brought it, where that is known */
  jobsOfMessages(ref: ThreadRef, messageIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Copies a checkpoint, with what belongs to it, to a thread that has none. May be repeated after a failure.
   *  @param options checkpointId: default the head; into: those of the shard that has the copy, default these
   *  @returns the head of the copy; null: there is nothing to copy */
  copy(from: ThreadRef, to: ThreadRef, options?: { checkpointId?: string; into?: Checkpoints }): Promise<Head | null>;
  /** Deletes every checkpoint of a thread. An attempt must not have it any more: one that has might still write. */
  erase(ref: ThreadRef): Promise<void>;
  /** Deletes the long-term memory of a tenant's agents, whose threads must be erased before: they might still write. May be
   *  repeated. */
  eraseStore(tenant: string): Promise<void>;
  close(): Promise<void>;
}

/** Who uses a tenant's store. */
export interface StoreUse {
  /** of an attempt: writes throw AttemptFenced once another attempt has claimed its thread, or it is erased */
  readonly lease?: AttemptLease;
  /** ends the waiting while Redis is away: its reason is thrown then, and by later writes */
  readonly signal?: AbortSignal;
  /** a connection to the shard that has the thread of the lease; left out: it is that of the store */
  readonly claims?: RedisConnection | undefined;
}

/** What LangGraph needs to keep its state, for the worker. */
export interface Savers {
  /** A saver for one attempt and its thread alone: `thread_id` must be the lease's `ref`.
   *  `put` and `putWrites` throw AttemptFenced once another attempt has claimed the thread.
   *  @param log of the attempt
   *  @param signal ends the waiting while Redis is away: its reason is thrown then */
  forAttempt(lease: AttemptLease, log: AttemptLog, signal?: AbortSignal): BaseCheckpointSaver;
  /** The long-term memory of a tenant's agents. */
  storeOf(tenant: string, use?: StoreUse): BaseStore;
  headOf(ref: ThreadRef): Promise<Head | null>;
  /** Deletes what a thread has kept outside Redis, once it is gone from there with its job. */
  forget(ref: ThreadRef): Promise<void>;
  close(): Promise<void>;
}
