import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { FinishReason, Message, StreamErrorCode, StreamEvent, Usage } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';

/** What a pipeline may say. The other events of a job (`started`, `reset`, the terminal one) are the worker's. */
export type PipelineEvent = Extract<StreamEvent, { type: 'text' | 'reasoning' | 'tool_call' | 'tool_result' }>;

/** The request, as the API accepted it. */
export interface PipelineInput {
  readonly requestId: string;
  /** 1, 2, …: more than 1 when a worker died, or handed the job over, before the answer was complete */
  readonly attempt: number;
  readonly messages: readonly Message[];
  /** `provider:name` */
  readonly model: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
}

export interface PipelineResult {
  readonly finishReason: FinishReason;
  /** of all model calls together */
  readonly usage: Usage;
}

/** Which model, and how: what is left out is taken from the request. */
export interface ModelChoice {
  /** `provider:name` */
  readonly model?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
}

/** What the worker does for a running pipeline. */
export interface PipelineContext {
  /** Aborted on a cancel, a timeout or the worker's shutdown. Pass it to every model call and tool. */
  readonly signal: AbortSignal;
  /** Carries the request id and the attempt. Never log prompts or answers. */
  readonly logger: Logger;
  /** A LangChain chat model with this worker's key, base URL and retry policy (none: the worker retries).
   *  @throws PipelineError the model's provider needs a package that is not installed */
  chatModel(choice?: ModelChoice): Promise<BaseChatModel>;
}

/** One way to answer: from a conversation to events. Register it with {@link definePipeline}.
 *
 *  `run` yields events as the model says them, and returns why it stopped and what it cost; a pipeline that returns
 *  nothing has stopped normally and cost nothing. What it throws ends the job with an `error` event: a model's errors
 *  get the code that fits, a {@link PipelineError} the code that it names, anything else `INTERNAL`.
 *  As long as nothing has been yielded, a rate limit, a 5xx or a lost connection makes the worker call `run` again. */
export interface Pipeline {
  /** what a request names in its field `pipeline` */
  readonly name: string;
  run(input: PipelineInput, context: PipelineContext): AsyncGenerator<PipelineEvent, PipelineResult | undefined, void>;
}

/** The default export of a pipeline module: `export default definePipeline({ name, async *run(input, context) { … } })`.
 *  Checks nothing at run time: the worker checks when it loads the module. */
export function definePipeline(pipeline: Pipeline): Pipeline {
  return pipeline;
}

/** Ends the job with an `error` event that says just this. */
export class PipelineError extends Error {
  override readonly name = 'PipelineError';

  /** @param message is shown to the caller: no prompt, key or address
   *  @param retryable whether the caller may expect the same request to succeed later */
  constructor(
    readonly code: StreamErrorCode,
    message: string,
    readonly retryable = false,
  ) {
    super(message);
  }
}
