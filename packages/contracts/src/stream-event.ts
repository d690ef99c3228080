import type { StreamErrorCode } from './error-code.ts';
import type { EventId } from './event-id.ts';
import type { Usage } from './job.ts';

/** Why a model stopped. `stop` is the normal end; `length` its token limit. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | (string & {});

/** Milliseconds from the moment of acceptance; `firstTokenMs` is null where nothing was said. */
export interface Timings {
  readonly queueMs: number;
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
}

/** Who ended a job before its time. */
export type CancelledBy = 'owner' | 'admin' | 'disconnect' | 'shutdown';

/** Why the text so far is void: its worker died, a worker handed it over, or Redis lost a part of the log. */
export type ResetReason = 'worker-lost' | 'handover' | 'log-lost';

/** The data of each event type, as it stands in the log and on the wire.
 *  @see PROTOCOL.md §3 */
export interface StreamEventData {
  accepted: { id: string; status: 'queued' };
  started: { attempt: number; model: string };
  text: { text: string };
  reasoning: { text: string };
  tool_call: { callId: string; name: string; arguments: string };
  tool_result: { callId: string; name: string; content: string; isError: boolean };
  reset: { attempt: number; reason: ResetReason };
  done: { finishReason: FinishReason; usage: Usage; timings: Timings };
  error: { code: StreamErrorCode; message: string; retryable: boolean };
  cancelled: { by: CancelledBy };
}

export type StreamEventType = keyof StreamEventData;

/** One event of a job: `{type: 'text', data: {text: ' tok'}}`. */
export type StreamEvent = {
  [T in StreamEventType]: { readonly type: T; readonly data: StreamEventData[T] };
}[StreamEventType];

/** An event as the log holds it. `data` stays JSON until somebody needs to look inside: a relay never does. */
export interface StoredEvent {
  readonly id: EventId;
  readonly type: StreamEventType;
  /** one line of compact JSON */
  readonly data: string;
}

const TERMINAL: ReadonlySet<string> = new Set<StreamEventType>(['done', 'error', 'cancelled']);

/** Exactly one event of a job is terminal, and it is always the last. */
export function isTerminal(type: StreamEventType): boolean {
  return TERMINAL.has(type);
}
