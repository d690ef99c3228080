import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type {
  FinishReason,
  GraphOptions,
  Message,
  ModelParameters,
  PipelineEventType,
  PipelineInfo,
  RequestCaller,
  SamplingParameters,
  StateMode,
  StreamErrorCode,
  StreamEvent,
  Usage,
} from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { AttemptLease, AttemptLog } from '@millrace/threads';

import type { ModelObserver } from './model-observer.ts';
import type { SaidAgain } from './said-again.ts';

/** The events that a pipeline may yield. The worker emits the others (`started`, `reset`, the terminal event). */
export type PipelineEvent = StreamEvent<PipelineEventType>;

/** The request as the API accepted it, with the parameters for the model that it has. `chatModel()` applies the sampling
 *  parameters; tools and response format are for the pipeline to use. */
export interface PipelineInput extends ModelParameters {
  readonly jobId: string;
  /** 1, 2, …: above 1 after a worker died or handed the job over before the answer was complete */
  readonly attempt: number;
  /** the conversation; in a thread only what is new in it */
  readonly messages: readonly Message[];
  /** a system message for this job alone: the first of `messages`. In a thread it belongs before what was said */
  readonly instructions?: string;
  /** `provider:name` */
  readonly model: string;
  /** input that is not (only) messages */
  readonly input?: Readonly<Record<string, unknown>>;
  /** present, with any JSON value, when the job answers an interrupt */
  readonly resume?: unknown;
  /** the request's values for an agent */
  readonly config?: Readonly<Record<string, unknown>>;
  /** further `state` events that the request asks for */
  readonly streamModes?: readonly StateMode[];
  /** how a graph runs in this job alone */
  readonly graphOptions?: GraphOptions;
  /** who asks; absent without authentication */
  readonly caller?: RequestCaller;
  /** the thread that the job belongs to; an agent always has one */
  readonly thread?: PipelineThread;
}

/** The thread of a job, for the attempt that holds it. */
export interface PipelineThread extends AttemptLog {
  readonly lease: AttemptLease;
  /** Whether an agent goes on from the thread's head, without input: this job has written it. What the head covers has been
   *  said again by then. */
  readonly goesOn: boolean;
  /** all of it */
  readonly saidAgain: SaidAgain;
  /** An agent has begun a step before the checkpoint of the step before was stored, as old versions of LangGraph do. What it says
   *  can no longer be told apart by steps: a new attempt starts over. */
  overtaken(): void;
  /** Aborts when the worker is about to stop: an agent then ends after the step in hand, unless that is its last, by throwing
   *  this signal's reason. */
  readonly draining: AbortSignal;
  /** Reads what was said in the thread before this job, oldest first; of a pipeline that is not an agent. */
  messages(): Promise<readonly Message[]>;
}

export interface PipelineResult {
  readonly finishReason: FinishReason;
  /** of all model calls of this run together */
  readonly usage: Usage;
  /** structured output of an agent: any JSON */
  readonly output?: unknown;
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
  /** Where a pipeline reports the calls of models that it has created itself, and their usage. */
  readonly observer?: ModelObserver;
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
  /** `agent`: it keeps its state in checkpoints of its thread, and no messages beside them */
  readonly kind?: 'agent';
  /** what `GET /pipelines` shows of it */
  readonly info?: Omit<PipelineInfo, 'name' | 'kind'>;
  // biome-ignore lint/suspicious/noConfusingVoidType: a generator that returns nothing is a pipeline, too
  run(input: PipelineInput, context: PipelineContext): AsyncGenerator<PipelineEvent, PipelineResult | void, void>;
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
