/** What each event carries. @see PROTOCOL.md §3 */
export interface JobEventData {
  /** the job is stored and queued */
  accepted: { readonly id: string; readonly status: 'queued' };
  /** a worker took it */
  started: { readonly attempt: number; readonly model: string };
  /** the next piece of the answer */
  text: { readonly text: string };
  /** the next piece of the model's reasoning, where it gives it */
  reasoning: { readonly text: string };
  /** `arguments` is a complete JSON string */
  tool_call: { readonly callId: string; readonly name: string; readonly arguments: string };
  tool_result: {
    readonly callId: string;
    readonly name: string;
    readonly content: string;
    readonly isError: boolean;
  };
  /** all text so far is void: a new attempt starts the answer afresh */
  reset: { readonly attempt: number; readonly reason: 'worker-lost' | 'handover' | 'log-lost' };
  done: { readonly finishReason: string; readonly usage: Usage; readonly timings: Timings };
  error: { readonly code: JobErrorCode; readonly message: string; readonly retryable: boolean };
  cancelled: { readonly by: 'owner' | 'admin' | 'disconnect' | 'shutdown' };
}

/** Tokens as the model's provider counted them. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Milliseconds from the moment of acceptance; `firstTokenMs` is null where nothing was said. */
export interface Timings {
  readonly queueMs: number;
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
}

/** What ends a job as failed, after its stream had begun. @see PROTOCOL.md §7 */
export type JobErrorCode =
  | 'MODEL_ERROR'
  | 'MODEL_RATE_LIMITED'
  | 'MODEL_TIMEOUT'
  | 'TIMEOUT'
  | 'WORKER_LOST'
  | 'INTERNAL';

export type JobEventType = keyof JobEventData;

/** One event of a job. `id` is opaque: keep the last one to resume after it. */
export type JobEvent = {
  [T in JobEventType]: { readonly id: string; readonly type: T; readonly data: JobEventData[T] };
}[JobEventType];

const EVENT_TYPES: Readonly<Record<JobEventType, true>> = {
  accepted: true,
  started: true,
  text: true,
  reasoning: true,
  tool_call: true,
  tool_result: true,
  reset: true,
  done: true,
  error: true,
  cancelled: true,
};

/** @returns false for the types of a newer server, which this client passes over */
export function isJobEventType(name: string): name is JobEventType {
  return Object.hasOwn(EVENT_TYPES, name);
}

/** Exactly one event of a job is terminal, and it is always the last. */
export function isTerminal({ type }: JobEvent): boolean {
  return type === 'done' || type === 'error' || type === 'cancelled';
}
