import { CallbackManager } from '@langchain/core/callbacks/manager';
import { BaseLanguageModel, type BaseLanguageModelInput } from '@langchain/core/language_models/base';
import type { RunnableConfig } from '@langchain/core/runnables';
import { ChatOpenAI, type ChatOpenAIFields } from '@langchain/openai';
import type { CompletionRequests } from './completion-requests.ts';
import type { Heard } from './completion-stream.ts';
import { SaidStream } from './delta-stream.ts';
import { QuickCompletions } from './quick-completions.ts';

/** LangChain's ChatOpenAI, and a way past its messages for whoever reads only what was said.
 *  @see docs/adr/0019-a-quicker-path-through-langchain.md */
export class QuickChat extends ChatOpenAI {
  readonly #completions: QuickCompletions;

  /** @param heard called for whatever the server sends, also what is no part of the answer */
  constructor(fields: ChatOpenAIFields, requests?: CompletionRequests, heard?: Heard) {
    const completions = new QuickCompletions(fields, requests, heard);
    super({ ...fields, completions });
    this.#completions = completions;
  }

  /** Streams an answer without a message for each chunk: those, and the generators around them, are 15 µs of the 60 that
   *  a lone token costs the worker (measured: 120 answers at 50 tokens/s).
   *  @returns null where there is no way past them: somebody listens (a callback, a tracer), or it is OpenAI's other API
   *  @throws what the model throws */
  async said(input: BaseLanguageModelInput, { callbacks, signal }: RunnableConfig): Promise<SaidStream | null> {
    const options = this._combineCallOptions(signal === undefined ? {} : { signal });
    const { verbose } = this;
    const listeners = CallbackManager.configure(callbacks, this.callbacks, [], this.tags, {}, this.metadata, {
      verbose,
    });
    if (listeners !== undefined || this._useResponsesApi(options)) return null;
    const messages = BaseLanguageModel._convertInputToPromptValue(input).toChatMessages();
    return new SaidStream(await this.#completions.chunks(messages, options), signal);
  }
}
