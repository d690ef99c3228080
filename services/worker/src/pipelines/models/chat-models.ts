import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { partsOfModel, qualifiedModel } from '@millrace/contracts';
import { initChatModel, MODEL_PROVIDER_CONFIG } from 'langchain/chat_models/universal';
import { PipelineError } from '../pipeline.ts';
import { CompletionRequests } from './openai/completion-requests.ts';
import type { Heard } from './openai/completion-stream.ts';
import { QuickChat } from './openai/quick-chat.ts';

export interface OpenAiAccess {
  /** not needed where `baseUrl` is a server that asks for none (Ollama, vLLM, LM Studio) */
  readonly apiKey: string | undefined;
  /** OpenAI's own when left out */
  readonly baseUrl: string | undefined;
  /** whether to ask what an answer cost; true when left out, and a server that refuses the question is asked without */
  readonly streamUsage?: boolean;
}

export interface ChatModelOptions {
  /** `provider:name`; a bare name is OpenAI's */
  readonly model: string;
  readonly temperature?: number | undefined;
  readonly maxTokens?: number | undefined;
  /** called for whatever the model's server sends; providers other than openai do not tell */
  readonly heard?: Heard | undefined;
}

/** Makes LangChain chat models. One per job (20 µs): temperature and token limit belong to the model object. What is worth
 *  sharing is shared by the whole process: OpenAI's client, and Node's keep-alive connections. */
export class ChatModels {
  readonly #requests = new CompletionRequests();

  constructor(readonly openAi: OpenAiAccess) {}

  /** @throws PipelineError the provider's package is not installed */
  async create({ model, temperature, maxTokens, heard }: ChatModelOptions): Promise<BaseChatModel> {
    const { provider, name } = partsOfModel(qualifiedModel(model, 'openai'));
    const options = {
      // the worker retries, with one policy for all providers and pipelines; two layers would multiply
      maxRetries: 0,
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
    };
    return provider === 'openai' ? this.#chatOpenAi(name, options, heard) : otherProvider(provider, name, options);
  }

  #chatOpenAi(model: string, options: object, heard: Heard | undefined): QuickChat {
    const { apiKey, baseUrl, streamUsage = true } = this.openAi;
    const fields = {
      ...options,
      model,
      // the client insists on a key, also where the server does not
      apiKey: apiKey ?? 'no-key-needed',
      // Chat Completions is what every compatible server speaks
      useResponsesApi: false,
      streamUsage,
      // it would print what it cannot parse, which is what the model said
      configuration: { logLevel: 'off' as const, ...(baseUrl === undefined ? {} : { baseURL: baseUrl }) },
    };
    return new QuickChat(fields, this.#requests, heard);
  }
}

/** By the provider's own LangChain package, which the operator installs beside the worker. */
async function otherProvider(provider: string, name: string, options: object): Promise<BaseChatModel> {
  try {
    return await initChatModel(name, { ...options, modelProvider: provider });
  } catch {
    // the reason is one of these two, and LangChain's words for it depend on the version and the loader
    const { package: needed } = MODEL_PROVIDER_CONFIG[provider as keyof typeof MODEL_PROVIDER_CONFIG];
    throw new PipelineError(
      'MODEL_ERROR',
      `"${provider}" needs ${needed} installed beside the worker, and its key set.`,
    );
  }
}
