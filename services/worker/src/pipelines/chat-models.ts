import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { ChatOpenAI } from '@langchain/openai';
import { initChatModel } from 'langchain/chat_models/universal';
import { PipelineError } from './pipeline.ts';

export interface OpenAiAccess {
  /** not needed where `baseUrl` is a server that asks for none (Ollama, vLLM, LM Studio) */
  readonly apiKey: string | undefined;
  /** OpenAI's own when left out */
  readonly baseUrl: string | undefined;
}

export interface ChatModelOptions {
  /** `provider:name`; a bare name is OpenAI's */
  readonly model: string;
  readonly temperature?: number | undefined;
  readonly maxTokens?: number | undefined;
}

/** Makes LangChain chat models. One per job (0.1 ms): temperature and token limit belong to the model object, and what
 *  is worth sharing, Node's keep-alive connections, is shared by the whole process anyway. */
export class ChatModels {
  constructor(readonly openAi: OpenAiAccess) {}

  /** @throws PipelineError the provider's package is not installed, or no provider has that name */
  async create({ model, temperature, maxTokens }: ChatModelOptions): Promise<BaseChatModel> {
    const [provider, name] = splitModel(model);
    const options = {
      // the worker retries, with one policy for all providers and pipelines; two layers would multiply
      maxRetries: 0,
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
    };
    return provider === 'openai' ? this.#chatOpenAi(name, options) : otherProvider(provider, name, options);
  }

  #chatOpenAi(model: string, options: object): ChatOpenAI {
    const { apiKey, baseUrl } = this.openAi;
    return new ChatOpenAI({
      ...options,
      model,
      // the client insists on a key, also where the server does not
      apiKey: apiKey ?? 'no-key-needed',
      // Chat Completions is what every compatible server speaks
      useResponsesApi: false,
      streamUsage: true,
      configuration: baseUrl === undefined ? {} : { baseURL: baseUrl },
    });
  }
}

/** At the first colon: names may have more of them (`openai:llama3.2:3b`). */
function splitModel(model: string): [provider: string, name: string] {
  const colon = model.indexOf(':');
  return colon === -1 ? ['openai', model] : [model.slice(0, colon), model.slice(colon + 1)];
}

async function otherProvider(provider: string, name: string, options: object): Promise<BaseChatModel> {
  try {
    return await initChatModel(name, { ...options, modelProvider: provider });
  } catch (error) {
    // LangChain's message names the package to install, or the providers that there are
    const reason = error instanceof Error ? error.message.split('\n')[0] : 'unknown reason';
    throw new PipelineError('MODEL_ERROR', `This worker cannot use the provider "${provider}": ${reason}`);
  }
}
