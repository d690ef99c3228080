import { ChatOpenAI } from '@langchain/openai';

/** The chat model of every peer that has one, made as Millrace's worker makes it.
 *  @param baseUrl of the model that answers */
export function chatOpenAi(baseUrl: string): ChatOpenAI {
  return new ChatOpenAI({
    model: 'gpt-4o-mini',
    apiKey: 'no-key-needed',
    maxRetries: 0,
    useResponsesApi: false,
    streamUsage: true,
    configuration: { logLevel: 'off', baseURL: baseUrl },
  });
}
