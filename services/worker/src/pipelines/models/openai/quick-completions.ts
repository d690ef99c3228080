import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager';
import type { BaseMessage } from '@langchain/core/messages';
import type { ChatGenerationChunk } from '@langchain/core/outputs';
import {
  ChatOpenAICompletions,
  type ChatOpenAIFields,
  convertMessagesToCompletionsMessageParams,
  type OpenAIClient,
  wrapOpenAIClientError,
} from '@langchain/openai';
import type { ModelObserver } from '../../definition/model-observer.ts';
import { CompletionRequests } from './completion-requests.ts';
import { type CompletionChunk, CompletionStream } from './completion-stream.ts';
import { isFields } from './fields.ts';
import { pushedFetch } from './pushed-fetch.ts';
import { traceCompletion } from './traced-completion.ts';
import { UsageIncrements } from './usage-counts.ts';

type StreamingRequest = OpenAIClient.Chat.ChatCompletionCreateParamsStreaming;
type WholeRequest = OpenAIClient.Chat.ChatCompletionCreateParamsNonStreaming;

/** LangChain's Chat Completions without two costs per token: the client library's stream reader, and concatenating each
 *  chunk with all previous ones. Requests, messages, tools, usage and callbacks are the parent's; a test compares every
 *  chunk with the parent's.
 *  @see docs/adr/0019-a-quicker-path-through-langchain.md */
export class QuickCompletions extends ChatOpenAICompletions {
  readonly #requests: CompletionRequests;
  readonly #observer: ModelObserver | undefined;

  /** @param requests shared by all models of one server and key
   *  @param observer informed of everything that the server sends */
  constructor(fields: ChatOpenAIFields, requests = new CompletionRequests(), observer?: ModelObserver) {
    super({ ...fields, configuration: { fetch: pushedFetch, ...fields.configuration } });
    this.#requests = requests;
    this.#observer = observer;
  }

  override completionWithRetry(
    request: StreamingRequest,
    options?: OpenAIClient.RequestOptions,
  ): Promise<AsyncIterable<CompletionChunk>>;
  override completionWithRetry(
    request: WholeRequest,
    options?: OpenAIClient.RequestOptions,
  ): Promise<OpenAIClient.Chat.Completions.ChatCompletion>;
  override async completionWithRetry(
    request: StreamingRequest | WholeRequest,
    options: OpenAIClient.RequestOptions = {},
  ): Promise<AsyncIterable<CompletionChunk> | OpenAIClient.Chat.Completions.ChatCompletion> {
    this.#observer?.onCall?.();
    const trace = this.#observer?.trace;
    // with content, callbacks trace it: they have the messages
    if (trace === undefined || trace.withContent) return this.#complete(request, options);
    return traceCompletion(trace, request, () => this.#complete(request, options));
  }

  async #complete(
    request: StreamingRequest | WholeRequest,
    options: OpenAIClient.RequestOptions,
  ): Promise<AsyncIterable<CompletionChunk> | OpenAIClient.Chat.Completions.ChatCompletion> {
    if (!request.stream) return this.#whole(request, options);
    const { maxRetries, ...clientOptions } = options;
    const client = this.#requests.client(this.clientConfig);
    const send = async (body: StreamingRequest) => {
      const response = await this.caller.callWithOptions(maxRetries === undefined ? {} : { maxRetries }, async () => {
        try {
          return await this.#requests.post(client, body, clientOptions, this.clientConfig.fetch ?? fetch);
        } catch (error) {
          throw wrapOpenAIClientError(error);
        }
      });
      return new CompletionStream(response, { signal: options.signal ?? null, observer: this.#observer });
    };
    return this.#requests.usage.send(request, send);
  }

  async #whole(request: WholeRequest, options: OpenAIClient.RequestOptions) {
    const completion = await super.completionWithRetry(request, options);
    const usage: unknown = completion.usage;
    const increase = isFields(usage) ? new UsageIncrements().next(usage) : null;
    if (increase !== null) this.#observer?.onUsage(increase);
    return completion;
  }

  /** Requests a completion and returns its chunks.
   *  @throws what the model throws */
  chunks(messages: BaseMessage[], options: this['ParsedCallOptions']): Promise<AsyncIterable<CompletionChunk>> {
    const request = {
      ...this.invocationParams(options, { streaming: true }),
      messages: convertMessagesToCompletionsMessageParams({ messages, model: this.model }),
      stream: true as const,
    };
    return this.completionWithRetry(request, options);
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this['ParsedCallOptions'],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const chunks = super._streamResponseChunks(messages, options, runManager);
    // callbacks and tracers get the whole message at the end, and with `streaming` it is what `invoke` returns
    const isConcatenated = runManager !== undefined || this.streaming;
    for await (const chunk of chunks) {
      if (!isConcatenated) chunk.concat = last;
      yield chunk;
    }
  }
}

/** Replaces concatenation when nobody reads the result: it is two thirds of LangChain's work per chunk (measured: 12 of
 *  17 µs). */
const last = (chunk: ChatGenerationChunk) => chunk;
