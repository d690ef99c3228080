import type { OpenAIClient } from '@langchain/openai';
import { UsageQuestion } from './stream-usage.ts';

type StreamingRequest = OpenAIClient.Chat.ChatCompletionCreateParamsStreaming;

/** What of OpenAI's client is the same for every request: made once in a process. */
interface Head {
  readonly url: string;
  readonly headers: Headers;
}

/** What makes a request more than its body. A pipeline of one's own may set it for a call. */
const OWN_OPTIONS = ['headers', 'query', 'path', 'timeout', 'idempotencyKey', 'fetchOptions'] as const;

/** Asks for streamed completions as OpenAI's client does, with the url and the headers that it made for the first of them:
 *  it takes 200 µs to make them anew for each, with abort controllers and timers that an attempt has already, and as long
 *  to make a client for each model (measured; sending and reading a short answer is 75 µs).
 *  What went wrong is for the client to say. */
export class CompletionRequests {
  readonly usage = new UsageQuestion();
  /** made by LangChain with the first model that asks; for all that know the same server and key */
  client: OpenAIClient | null = null;
  #head: Promise<Head> | null = null;

  /** @returns an answer with a 2xx status
   *  @throws what the client throws */
  async post(
    client: OpenAIClient,
    request: StreamingRequest,
    options: OpenAIClient.RequestOptions,
    fetch: typeof globalThis.fetch,
  ): Promise<Response> {
    const ask = (given: OpenAIClient) => given.chat.completions.create(request, options).asResponse();
    if (OWN_OPTIONS.some((name) => options[name] !== undefined)) return ask(client);
    this.#head ??= headOf(client);
    const { url, headers } = await this.#head;
    const body = JSON.stringify(request);
    const answer = fetch(url, { method: 'POST', headers, body, signal: options.signal ?? null });
    const isGood = await answer.then(
      ({ ok }) => ok,
      () => false,
    );
    return isGood ? answer : ask(client.withOptions({ fetch: () => answer }));
  }
}

async function headOf(client: OpenAIClient): Promise<Head> {
  const { req, url } = await client.buildRequest({ method: 'post', path: '/chat/completions', body: {}, stream: true });
  return { url, headers: new Headers(req.headers) };
}
