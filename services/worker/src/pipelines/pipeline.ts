import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type {
  FinishReason,
  Message,
  ModelParameters,
  PipelineEventType,
  SamplingParameters,
  StreamErrorCode,
  StreamEvent,
  Usage,
} from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';

/** The events that a pipeline may yield. The worker emits the others (`started`, `reset`, the terminal event). */
export type PipelineEvent = StreamEvent<PipelineEventType>;

/** The request as the API accepted it, with the parameters for the model that it has. `chatModel()` applies the sampling
 *  parameters; tools and response format are for the pipeline to use. */
export interface PipelineInput extends ModelParameters {
  readonly jobId: string;
  /** 1, 2, …: above 1 after a worker died or handed the job over before the answer was complete */
  readonly attempt: number;
  readonly messages: readonly Message[];
  /** `provider:name` */
  readonly model: string;
}

export interface PipelineResult {
  readonly finishReason: FinishReason;
  /** of all model calls together */
  readonly usage: Usage;
}

/** Selects and configures a model. The request's values are the defaults. */
export interface ModelChoice extends SamplingParameters {
  /** `provider:name` */
  readonly model?: string;
}

/** The worker's services for a running pipeline. */
export interface PipelineContext {
  /** Aborts on a cancel, a timeout or the worker's shutdown. Pass it to every model call and tool. */
  readonly signal: AbortSignal;
  /** Adds job id and attempt to each line. Never log prompts or answers. */
  readonly logger: Logger;
  /** Creates a LangChain chat model with this worker's key and base URL. It does not retry: the worker does.
   *  @throws PipelineError the model's provider needs a package that is not installed */
  chatModel(choice?: ModelChoice): Promise<BaseChatModel>;
}

/** Turns a conversation into events. Register it with {@link definePipeline}.
 *
 *  `run` yields events as the model produces them, and returns the finish reason and the usage; without a result the job
 *  finishes with `stop` and the usage of its calls of `chatModel()`. An error ends the job with an `error` event: model errors get the matching code, a
 *  {@link PipelineError} its own code, anything else `INTERNAL`. Until the first event, the worker calls `run` again after
 *  a rate limit, a 5xx or a lost connection. */
export interface Pipeline {
  /** the value of a request's field `pipeline` */
  readonly name: string;
  run(input: PipelineInput, context: PipelineContext): AsyncGenerator<PipelineEvent, PipelineResult | undefined, void>;
}

/** The default export of a pipeline module: `export default definePipeline({ name, async *run(input, context) { … } })`.
 *  It validates nothing: the worker does when it loads the module. */
export function definePipeline(pipeline: Pipeline): Pipeline {
  return pipeline;
}

/** Ends the job with an `error` event of this code and message. */
export class PipelineError extends Error {
  override readonly name = 'PipelineError';

  /** @param message shown to the caller: must not contain a prompt, key or address
   *  @param retryable whether the same request may succeed later */
  constructor(
    readonly code: StreamErrorCode,
    message: string,
    readonly retryable = false,
  ) {
    super(message);
  }
}
