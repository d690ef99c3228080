import type { AnswerMessage, AnswerPart } from '../answer.ts';
import type { FieldError, MillraceErrorCode } from '../errors.ts';
import type { JobEventData, Timings, Usage } from '../job-event.ts';
import type { ContentPart, Interrupt, JobStatus } from '../job-view.ts';

/** What a page shows of a thread, at one moment. It never changes: the next moment is another snapshot, in which everything
 *  that is the same is the same object. */
export interface ConversationSnapshot {
  readonly threadId: string;
  /** `new`: nothing is on the server yet; `loading`: what the thread holds is being read; `gone`: it was erased, or never was */
  readonly state: 'new' | 'loading' | 'ready' | 'failed' | 'gone';
  /** of the thread's metadata; null: it has none */
  readonly title: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** oldest first */
  readonly messages: readonly ConversationMessage[];
  /** `sending`: the newest message is on its way; `queued`: no worker has the job yet; `running`: a worker answers */
  readonly activity: 'idle' | 'sending' | 'queued' | 'running';
  /** what the thread's agent asks a person: `resume` answers */
  readonly questions: readonly Interrupt[];
  readonly connection: ConnectionState;
  /** why the thread could not be read, or what was asked of it last could not be done; null: nothing is wrong. What is wrong
   *  with one message is in that message */
  readonly problem: ConversationProblem | null;
}

/** `idle`: nobody subscribes, or there is nothing to follow. Times are milliseconds since 1970, of this device. */
export type ConnectionState =
  | { readonly state: 'idle' | 'connecting' | 'connected' }
  | { readonly state: 'reconnecting'; readonly since: number; readonly nextTryAt: number };

export type ConversationMessage = UserMessage | AssistantMessage;

/** What a person said, or a system or developer message that a thread was given. */
export interface UserMessage {
  readonly role: 'user' | 'system' | 'developer';
  /** stays the same from sending on, also when the server has stored the message under an id of its own */
  readonly id: string;
  /** the server's id of it, for a fork; null: it is not stored yet */
  readonly messageId: string | null;
  /** null: its thread does not know which job brought it */
  readonly jobId: string | null;
  readonly parts: readonly ContentPart[];
  /** `waiting`: the connection is down, and the client tries again; `refused`: see `problem`, and `retry` */
  readonly state: 'sending' | 'waiting' | 'sent' | 'refused';
  readonly problem: ConversationProblem | null;
}

/** Everything that one job said. */
export interface AssistantMessage {
  readonly role: 'assistant';
  readonly id: string;
  readonly jobId: string | null;
  readonly status: JobStatus;
  /** in the order in which they were said */
  readonly parts: readonly AnswerPart[];
  /** the same parts, by the messages of the job: an agent says several */
  readonly steps: readonly AnswerMessage[];
  /** structured output of an agent; null: none */
  readonly output: unknown;
  /** an agent's state, by mode */
  readonly states: Readonly<Record<string, unknown>>;
  /** the questions that it ended with, open or answered */
  readonly questions: readonly Interrupt[];
  /** 0: no worker has it yet */
  readonly attempt: number;
  /** each time that the answer began again, and why */
  readonly restarts: readonly JobEventData['reset'][];
  readonly model: string | null;
  readonly pipeline: string | null;
  /** 1 = next; null: not queued, or not known */
  readonly queuePosition: number | null;
  /** when it was accepted, milliseconds since 1970; null: not known any more */
  readonly createdAt: number | null;
  readonly finishReason: string | null;
  readonly usage: Usage | null;
  readonly timings: MessageTimings | null;
  readonly problem: ConversationProblem | null;
  /** who cancelled it */
  readonly cancelledBy: JobEventData['cancelled']['by'] | null;
}

/** What a page shows of one job, at one moment. */
export interface JobSnapshot {
  readonly id: string;
  /** `gone`: there is no such job, or no longer */
  readonly state: 'loading' | 'ready' | 'failed' | 'gone';
  /** the same object until something of it has changed */
  readonly answer: AssistantMessage;
  readonly connection: ConnectionState;
  /** why the job cannot be read or stopped; why the job itself failed is in `answer` */
  readonly problem: ConversationProblem | null;
}

export interface MessageTimings extends Timings {
  /** output tokens for each second from the first token to the end; null where either is not known */
  readonly tokensPerSecond: number | null;
}

/** What went wrong, in a form that a page can show. */
export interface ConversationProblem {
  readonly code: MillraceErrorCode;
  /** in English, of the server or the client; a page may prefer words of its own for the code */
  readonly message: string;
  /** for a report to the operator; null: the request did not arrive */
  readonly requestId: string | null;
  /** what a person can do: `retry` now; `wait`, then retry; `edit` the message; give another `credential`; choose another model
   *  or pipeline (`choose`); `reload`; nothing */
  readonly remedy: 'retry' | 'wait' | 'edit' | 'credential' | 'choose' | 'reload' | 'none';
  /** for `wait`, milliseconds; null: not known */
  readonly retryAfterMs: number | null;
  /** what is wrong with the fields of the request */
  readonly fields: readonly FieldError[];
}
