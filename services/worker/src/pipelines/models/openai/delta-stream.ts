import type { AIMessageChunk } from '@langchain/core/messages';
import type { ToolCallChunk } from '@langchain/core/messages/tool';
import type { CompletionChunk } from './chunk-reader.ts';

/** The fields of a message chunk that a pipeline reads. */
export interface MessageDelta {
  readonly content: AIMessageChunk['content'];
  readonly additional_kwargs: Readonly<Record<string, unknown>>;
  readonly response_metadata: Readonly<Record<string, unknown>>;
  readonly tool_call_chunks?: readonly ToolCallChunk[];
  readonly usage_metadata?: unknown;
}

type Delta = NonNullable<CompletionChunk['choices'][number]['delta']> & { readonly reasoning_content?: unknown };

const NONE: Readonly<Record<string, never>> = Object.freeze({});

/** The chunks of a completion as plain objects with the fields of LangChain's messages. A test compares the events that a
 *  pipeline makes of both. */
export class DeltaStream implements AsyncIterableIterator<MessageDelta> {
  readonly #chunks: AsyncIterator<CompletionChunk>;
  readonly #signal: AbortSignal | undefined;
  readonly #read = (next: IteratorResult<CompletionChunk>) => this.#deltaOf(next);
  #usage: CompletionChunk['usage'];

  constructor(chunks: AsyncIterable<CompletionChunk>, signal: AbortSignal | undefined) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws also the signal's reason: an aborted answer is not complete */
  next(): Promise<IteratorResult<MessageDelta, undefined>> {
    return this.#chunks.next().then(this.#read);
  }

  async return(): Promise<IteratorResult<MessageDelta, undefined>> {
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }

  #deltaOf({ done, value: chunk }: IteratorResult<CompletionChunk>): IteratorResult<MessageDelta, undefined> {
    this.#signal?.throwIfAborted();
    if (!done) return { done: false, value: this.#deltaIn(chunk) };
    const usage = this.#usage;
    if (!usage) return { done: true, value: undefined };
    this.#usage = null;
    return { done: false, value: usageOf(usage) };
  }

  #deltaIn({ choices, usage }: CompletionChunk): MessageDelta {
    // some servers report growing counts with each chunk: the last one counts
    if (usage) this.#usage = usage;
    const choice = choices?.[0];
    const delta: Delta = choice?.delta ?? NONE;
    const { content, reasoning_content: reasoning, tool_calls: toolCalls } = delta;
    return {
      content: typeof content === 'string' ? content : '',
      additional_kwargs: reasoning === undefined ? NONE : { reasoning_content: reasoning },
      response_metadata: choice?.finish_reason ? { finish_reason: choice.finish_reason } : NONE,
      ...(Array.isArray(toolCalls) ? { tool_call_chunks: toolCalls.map(toolCallChunk) } : {}),
    };
  }
}

function toolCallChunk({ index, id, function: called }: NonNullable<Delta['tool_calls']>[number]): ToolCallChunk {
  const { name, arguments: args } = called ?? {};
  return {
    ...{ type: 'tool_call_chunk', index },
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(args === undefined ? {} : { args }),
  };
}

function usageOf({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: total,
}: NonNullable<CompletionChunk['usage']>) {
  const usage = { input_tokens: input, output_tokens: output, total_tokens: total };
  return { content: '', additional_kwargs: NONE, response_metadata: NONE, usage_metadata: usage };
}
