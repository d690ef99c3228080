import { CallbackManager } from '@langchain/core/callbacks/manager';
import type { BaseLanguageModelInput } from '@langchain/core/language_models/base';
import { type BaseMessage, coerceMessageLikeToMessage, HumanMessage } from '@langchain/core/messages';
import type { RunnableConfig } from '@langchain/core/runnables';
import { ChatOpenAI, type ChatOpenAICallOptions, type ChatOpenAIFields } from '@langchain/openai';
import type { ModelObserver } from '../../definition/model-observer.ts';
import type { CompletionRequests } from './completion-requests.ts';
import { DeltaStream } from './delta-stream.ts';
import { QuickCompletions } from './quick-completions.ts';

/** LangChain's ChatOpenAI, with a faster stream that skips its messages.
 *  @see docs/adr/0019-a-quicker-path-through-langchain.md */
export class QuickChat extends ChatOpenAI {
  readonly #completions: QuickCompletions;

  /** @param observer informed of everything that the server sends
   *  @param bodyFields further fields for the body of a request to Chat Completions */
  constructor(
    fields: ChatOpenAIFields,
    requests?: CompletionRequests,
    observer?: ModelObserver,
    bodyFields: Readonly<Record<string, unknown>> = {},
  ) {
    // the Responses API has other names for them, and rejects what it does not know
    const completions = new QuickCompletions({ ...fields, modelKwargs: { ...bodyFields } }, requests, observer);
    super({ ...fields, completions });
    this.#completions = completions;
  }

  /** Streams an answer without a message per chunk. Messages, and the generators around them, take 15 µs of the 60 that a
   *  lone token costs the worker (measured: 120 answers at 50 tokens/s).
   *  @returns null when messages are needed: a callback or tracer listens, or the model needs OpenAI's Responses API
   *  @throws what the model throws */
  async deltas(
    input: BaseLanguageModelInput,
    { callbacks, signal }: RunnableConfig,
    callOptions: ChatOpenAICallOptions = {},
  ): Promise<DeltaStream | null> {
    const options = { ...callOptions, ...(signal === undefined ? {} : { signal }) };
    const { verbose } = this;
    const listeners = CallbackManager.configure(callbacks, this.callbacks, [], this.tags, {}, this.metadata, {
      verbose,
    });
    if (listeners !== undefined || !this.#usesCompletions(options)) return null;
    return new DeltaStream(await this.#completions.chunks(messagesOf(input), options), signal);
  }

  /** LangChain chooses the API by model and options. Only the parameters of Chat Completions have this field. */
  #usesCompletions(options: this['ParsedCallOptions']): boolean {
    return 'frequency_penalty' in this.invocationParams(options);
  }
}

function messagesOf(input: BaseLanguageModelInput): BaseMessage[] {
  if (typeof input === 'string') return [new HumanMessage(input)];
  return Array.isArray(input) ? input.map((message) => coerceMessageLikeToMessage(message)) : input.toChatMessages();
}
