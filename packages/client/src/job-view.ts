import type { JobErrorCode, Usage } from './job-event.ts';

export type JobStatus = 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';

/** A part of a message that is not text: its URL for the model's server, or its bytes as base64. */
export interface MediaPart {
  readonly type: 'image' | 'audio' | 'file';
  readonly url?: string;
  readonly data?: string;
  readonly mediaType?: string;
  readonly name?: string;
}

export type ContentPart = { readonly type: 'text'; readonly text: string } | MediaPart;

/** A tool call as the model made it; `arguments` is JSON text. */
export interface ToolCall {
  readonly callId: string;
  readonly name: string;
  readonly arguments: string;
}

export interface Message {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  readonly content: string | readonly ContentPart[];
  readonly name?: string;
  /** for the role `assistant` */
  readonly toolCalls?: readonly ToolCall[];
  /** for the role `tool`: the call it answers */
  readonly toolCallId?: string;
}

/** A tool of the caller: the model's calls come back as events and end the job. */
export interface Tool {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** whether the model must keep to the schema, where it can */
  readonly strict?: boolean;
}

export type ResponseFormat =
  | { readonly type: 'text' | 'json_object' }
  | {
      readonly type: 'json_schema';
      readonly name: string;
      readonly schema: Readonly<Record<string, unknown>>;
      readonly strict?: boolean;
    };

/** The body of `POST /jobs`: exactly one of `query`, `messages`, `input` and `resume`. @see PROTOCOL.md §2 */
export interface NewJob {
  /** shorthand for one user message */
  readonly query?: string;
  readonly messages?: readonly Message[];
  /** of an agent whose state is not (only) messages */
  readonly input?: Readonly<Record<string, unknown>>;
  /** answers the interrupt of the thread: any JSON; `{interruptId: value, …}` where there are several */
  readonly resume?: unknown;
  /** the thread to continue; it is created if it is new */
  readonly threadId?: string;
  /** what happens while another job of the thread runs; default `enqueue` */
  readonly onBusy?: 'enqueue' | 'reject' | 'interrupt' | 'rollback';
  /** start no sooner, milliseconds */
  readonly delayMs?: number;
  /** values of the agent's `configurable` */
  readonly config?: Readonly<Record<string, unknown>>;
  /** further `state` events of an agent */
  readonly streamModes?: readonly ('values' | 'updates' | 'tasks' | 'checkpoints')[];
  /** which pipeline or agent answers; default `chat` */
  readonly pipeline?: string;
  /** `provider:name`, or a bare name for the default provider */
  readonly model?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly topP?: number;
  readonly stop?: string | readonly string[];
  readonly seed?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly reasoningEffort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';
  readonly tools?: readonly Tool[];
  readonly toolChoice?: 'auto' | 'none' | 'required' | { readonly name: string };
  readonly parallelToolCalls?: boolean;
  readonly responseFormat?: ResponseFormat;
  /** what happens when the creating connection is lost and nobody watches; default `continue` */
  readonly onDisconnect?: 'continue' | 'cancel';
  /** what a new attempt does when tokens were already published; default `restart` */
  readonly onCrash?: 'restart' | 'fail';
  /** wall clock from the start of the attempt, milliseconds */
  readonly timeoutMs?: number;
  /** URL that gets a signed POST when the job ends */
  readonly webhook?: string;
  /** at most 16 entries, echoed back */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A message that a job has written. */
export interface SaidMessage {
  /** by the model, or by a tool */
  readonly role: 'assistant' | 'tool';
  readonly content: string;
  readonly messageId?: string;
  readonly name?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly toolCallId?: string;
}

/** A question of an agent to a person. */
export interface Interrupt {
  readonly interruptId: string;
  readonly value: unknown;
  readonly node?: string | undefined;
}

/** A pipeline or an agent that workers have. @see PROTOCOL.md §5 */
export interface Pipeline {
  readonly name: string;
  readonly kind: 'pipeline' | 'agent';
  readonly description?: string;
  /** JSON Schema of `input`, and of `config`; absent where the agent declares none */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
  readonly configSchema?: Readonly<Record<string, unknown>>;
  /** ids of the workers that have it */
  readonly workers: readonly string[];
}

/** A model that requests may name. @see PROTOCOL.md §5 */
export interface Model {
  /** `provider:name` */
  readonly id: string;
  readonly provider: string;
  readonly name: string;
  readonly isDefault: boolean;
}

/** A job as the server shows it; times are ISO 8601. @see PROTOCOL.md §5 */
export interface JobView {
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
  /** the answer so far, or the whole answer; absent if not asked for, null once the log has expired */
  readonly text?: string | null;
  /** the messages so far, or all of them; absent if not asked for, null once the log has expired */
  readonly messages?: readonly SaidMessage[] | null;
  readonly usage: Usage | null;
  readonly error: { readonly code: JobErrorCode; readonly message: string; readonly retryable: boolean } | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** the thread that it belongs to */
  readonly threadId: string | null;
  /** structured output of an agent */
  readonly output: unknown;
  /** questions that it ended with */
  readonly interrupts: readonly Interrupt[];
  /** 1 = next; only while queued */
  readonly queuePosition?: number;
}

/** One page of jobs, newest first. */
export interface JobPage {
  readonly items: readonly JobView[];
  /** pass it to `list` for the next page; null: this is the last page */
  readonly nextCursor: string | null;
  /** some are missing here: one of several Redis, or the archive, does not answer or cannot read them, or, for admins, the archive has
   *  more tenants than a list goes through */
  readonly incomplete?: true;
}

/** Which jobs `list` asks for. */
export interface JobFilter {
  readonly status?: JobStatus;
  /** at most 100 */
  readonly limit?: number;
  readonly cursor?: string;
  /** only jobs of this thread */
  readonly threadId?: string;
  /** admins only */
  readonly tenant?: string;
}
