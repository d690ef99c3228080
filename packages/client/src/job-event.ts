/** In jobs that write several messages at once: the message to which an event belongs. */
interface OfMessage {
  readonly messageId?: string | undefined;
}

/** Where in an agent an event came from: the names of its nodes, and of the graphs around them. */
interface Place {
  readonly node?: string | undefined;
  readonly namespace?: readonly string[] | undefined;
}

/** What each event carries. @see PROTOCOL.md §3 */
export interface JobEventData {
  /** the job is stored and queued */
  accepted: { readonly id: string; readonly status: 'queued'; readonly threadId?: string | undefined };
  /** a worker took it */
  started: { readonly attempt: number; readonly model: string };
  /** a message begins, in jobs with more than one: what follows belongs to it until the next one begins */
  message_start: { readonly messageId: string } & Place;
  /** the next piece of the answer */
  text: { readonly text: string } & OfMessage;
  /** the next piece of the model's reasoning, if it provides any */
  reasoning: { readonly text: string } & OfMessage;
  /** the model begins to write a call; may be ignored, since the whole call follows */
  tool_call_start: { readonly callId: string; readonly name: string } & OfMessage;
  /** the next piece of the arguments of a call; may be ignored */
  tool_call_delta: { readonly callId: string; readonly arguments: string } & OfMessage;
  /** `arguments` is a complete JSON string */
  tool_call: { readonly callId: string; readonly name: string; readonly arguments: string } & OfMessage;
  tool_result: {
    readonly callId: string;
    readonly name: string;
    readonly content: string;
    readonly isError: boolean;
  };
  /** the message is complete */
  message_end: { readonly messageId: string; readonly finishReason: string; readonly usage?: Usage | undefined };
  /** anything that a pipeline or one of its tools writes */
  custom: { readonly name?: string | undefined; readonly data: unknown };
  /** the state of an agent, in a requested mode */
  state: { readonly mode: string; readonly data: unknown } & Place;
  /** the agent asks a person; the job then ends with `finishReason` `interrupt` */
  interrupt: { readonly interruptId: string; readonly value: unknown; readonly node?: string | undefined };
  /** everything so far is void: a new attempt starts the answer again */
  reset: { readonly attempt: number; readonly reason: 'worker-lost' | 'handover' | 'log-lost' };
  done: { readonly finishReason: string; readonly usage: Usage; readonly timings: Timings };
  error: { readonly code: JobErrorCode; readonly message: string; readonly retryable: boolean };
  cancelled: { readonly by: 'owner' | 'admin' | 'disconnect' | 'shutdown' | 'thread' };
}

/** Tokens as the model's provider counted them. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Milliseconds from the moment of acceptance; `firstTokenMs` is null if there was no token. */
export interface Timings {
  readonly queueMs: number;
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
}

/** Why a job failed after its stream had begun. @see PROTOCOL.md §7 */
export type JobErrorCode =
  | 'MODEL_ERROR'
  | 'MODEL_RATE_LIMITED'
  | 'MODEL_TIMEOUT'
  | 'TIMEOUT'
  | 'WORKER_LOST'
  | 'AGENT_ERROR'
  | 'RECURSION_LIMIT'
  | 'QUOTA_EXCEEDED'
  | 'INTERNAL';

export type JobEventType = keyof JobEventData;

/** One event of a job. `id` is opaque: keep the last one to resume after it. */
export type JobEvent = {
  [T in JobEventType]: { readonly id: string; readonly type: T; readonly data: JobEventData[T] };
}[JobEventType];

/** Every type that this client knows, and whether it ends the job. */
const EVENT_TYPES: Readonly<Record<JobEventType, 'terminal' | null>> = {
  accepted: null,
  started: null,
  message_start: null,
  text: null,
  reasoning: null,
  tool_call_start: null,
  tool_call_delta: null,
  tool_call: null,
  tool_result: null,
  message_end: null,
  custom: null,
  state: null,
  interrupt: null,
  reset: null,
  done: 'terminal',
  error: 'terminal',
  cancelled: 'terminal',
};

/** @returns false for types of a newer server, which this client ignores */
export function isJobEventType(name: string): name is JobEventType {
  return Object.hasOwn(EVENT_TYPES, name);
}

/** Exactly one event of a job is terminal, and it is always the last. */
export function isTerminal({ type }: JobEvent): boolean {
  return EVENT_TYPES[type] === 'terminal';
}
