import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { partsOfModel, qualifiedModel, type SamplingParameters } from '@millrace/contracts';
import { initChatModel, MODEL_PROVIDER_CONFIG } from 'langchain/chat_models/universal';
import type { ModelObserver } from '../definition/model-observer.ts';
import { PipelineError } from '../definition/pipeline.ts';
import { CompletionRequests } from './openai/completion-requests.ts';
import { QuickChat } from './openai/quick-chat.ts';
import { traceCallbacks } from './trace-callbacks.ts';
import { UsageCallback } from './usage-callback.ts';

export interface OpenAiAccess {
  /** not needed when the server at `baseUrl` requires none (Ollama, vLLM, LM Studio) */
  readonly apiKey: string | undefined;
  /** default: OpenAI's own */
  readonly baseUrl: string | undefined;
  /** whether to request usage; default true, and a server that rejects the option gets the request again without it */
  readonly streamUsage?: boolean;
}

export interface ChatModelOptions extends SamplingParameters {
  /** `provider:name`; a bare name means OpenAI */
  readonly model: string;
  readonly observer?: ModelObserver | undefined;
}

/** Creates LangChain chat models, one per job (20 µs): the sampling parameters belong to the model object. OpenAI's client
 *  and the connection pool are shared by the whole process. */
export class ChatModels {
  readonly #requests = new CompletionRequests();

  constructor(readonly openAi: OpenAiAccess) {}

  /** @throws PipelineError the provider's package is not installed */
  async create({ model, observer, ...sampling }: ChatModelOptions): Promise<BaseChatModel> {
    const { provider, name } = partsOfModel(qualifiedModel(model, 'openai'));
    const { stop, ...rest } = sampling;
    const options = {
      // the worker retries, with one policy for all providers and pipelines; a second layer would multiply it
      maxRetries: 0,
      ...rest,
      ...(stop === undefined ? {} : { stop: typeof stop === 'string' ? [stop] : stop }),
    };
    if (provider === 'openai') return this.#chatOpenAi(name, options, observer);
    const callbacks = observer === undefined ? [] : [new UsageCallback(observer), ...tracing(observer)];
    return otherProvider(provider, name, { ...options, callbacks });
  }

  #chatOpenAi(
    model: string,
    { seed, reasoningEffort, ...options }: Omit<SamplingParameters, 'stop'>,
    observer: ModelObserver | undefined,
  ): QuickChat {
    const { apiKey, baseUrl, streamUsage = true } = this.openAi;
    const fields = {
      ...options,
      ...(observer?.trace?.withContent ? { callbacks: tracing(observer) } : {}),
      model,
      // the client requires a key even when the server does not
      apiKey: apiKey ?? 'no-key-needed',
      // every compatible server speaks Chat Completions
      useResponsesApi: false,
      streamUsage,
      // it would print what it cannot parse: a part of the answer
      configuration: { logLevel: 'off' as const, ...(baseUrl === undefined ? {} : { baseURL: baseUrl }) },
    };
    // ChatOpenAI has no field for a seed, and sends an effort only to models whose names it knows
    const bodyFields = {
      ...(seed === undefined ? {} : { seed }),
      ...(reasoningEffort === undefined ? {} : { reasoning_effort: reasoningEffort }),
    };
    return new QuickChat(fields, this.#requests, observer, bodyFields);
  }
}

function tracing({ trace }: ModelObserver): object[] {
  return trace === undefined ? [] : [traceCallbacks(trace)];
}

/** Uses the provider's LangChain package, which the operator installs beside the worker. */
async function otherProvider(provider: string, name: string, options: object): Promise<BaseChatModel> {
  try {
    return await initChatModel(name, { ...options, modelProvider: provider });
  } catch {
    // the cause is one of these two, and LangChain's message depends on version and loader
    const { package: needed } = MODEL_PROVIDER_CONFIG[provider as keyof typeof MODEL_PROVIDER_CONFIG];
    throw new PipelineError(
      'MODEL_ERROR',
      `"${provider}" needs ${needed} installed beside the worker, and its key set.`,
    );
  }
}
