import { type ClientOptions, OpenAIClient } from '@langchain/openai';
import { StreamUsageOption } from './stream-usage.ts';
import { unlessTooDeep } from './too-deep.ts';

type StreamingRequest = OpenAIClient.Chat.ChatCompletionCreateParamsStreaming;

/** The parts of a request that are the same for all: built once per process. */
interface Head {
  readonly url: string;
  readonly headers: Headers;
}

/** Options that change more than a request's body. A custom pipeline may set them per call. */
const OWN_OPTIONS = ['headers', 'query', 'path', 'timeout', 'idempotencyKey', 'fetchOptions'] as const;

/** Requests streamed completions like OpenAI's client, but reuses the URL and headers of its first request. The client
 *  takes 200 µs to build each request, with abort controllers and timers that an attempt already has, and as long to build a
 *  client per model (measured; sending and reading a short answer takes 75 µs). Errors are the client's own. */
export class CompletionRequests {
  readonly usage = new StreamUsageOption();
  #client: OpenAIClient | null = null;
  #head: Promise<Head> | null = null;

  /** The client for all models of one server and key.
   *  @param config of the first model */
  client(config: ClientOptions): OpenAIClient {
    this.#client ??= new OpenAIClient({ ...config, maxRetries: 0 });
    return this.#client;
  }

  /** @returns a response with a 2xx status
   *  @throws what the client throws */
  async post(
    client: OpenAIClient,
    request: StreamingRequest,
    options: OpenAIClient.RequestOptions,
    fetch: typeof globalThis.fetch,
  ): Promise<Response> {
    const viaClient = (given: OpenAIClient) => given.chat.completions.create(request, options).asResponse();
    if (OWN_OPTIONS.some((name) => options[name] !== undefined)) return viaClient(client);
    this.#head ??= headOf(client);
    const { url, headers } = await this.#head;
    const body = JSON.stringify(request);
    const response = fetch(url, { method: 'POST', headers, body, signal: options.signal ?? null });
    const isOk = await response.then(
      ({ ok }) => ok,
      () => false,
    );
    if (isOk) return response;
    try {
      // it knows the errors of all servers
      return await viaClient(client.withOptions({ fetch: () => response }));
    } catch (error) {
      throw unlessTooDeep(error);
    }
  }
}

async function headOf(client: OpenAIClient): Promise<Head> {
  const { req, url } = await client.buildRequest({ method: 'post', path: '/chat/completions', body: {}, stream: true });
  return { url, headers: new Headers(req.headers) };
}
