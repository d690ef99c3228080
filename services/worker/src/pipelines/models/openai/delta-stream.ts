import type { AIMessageChunk } from '@langchain/core/messages';
import type { ToolCallChunk } from '@langchain/core/messages/tool';
import type { CompletionChunk } from './chunk-reader.ts';

/** What a pipeline reads of a message chunk. */
export interface Said {
  readonly content: AIMessageChunk['content'];
  readonly additional_kwargs: Readonly<Record<string, unknown>>;
  readonly response_metadata: Readonly<Record<string, unknown>>;
  readonly tool_call_chunks?: readonly ToolCallChunk[];
  readonly usage_metadata?: unknown;
}

type Delta = NonNullable<CompletionChunk['choices'][number]['delta']> & { readonly reasoning_content?: unknown };

const NONE: Readonly<Record<string, never>> = Object.freeze({});

/** The chunks of a completion as what was said in them: plain objects with the fields that LangChain's messages would
 *  have. A test holds what a pipeline makes of the two to be the same. */
export class SaidStream implements AsyncIterableIterator<Said> {
  readonly #chunks: AsyncIterator<CompletionChunk>;
  readonly #signal: AbortSignal | undefined;
  readonly #read = (next: IteratorResult<CompletionChunk>) => this.#said(next);
  #usage: CompletionChunk['usage'];

  constructor(chunks: AsyncIterable<CompletionChunk>, signal: AbortSignal | undefined) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws also the signal's reason: an answer that was aborted is not at its end */
  next(): Promise<IteratorResult<Said, undefined>> {
    return this.#chunks.next().then(this.#read);
  }

  async return(): Promise<IteratorResult<Said, undefined>> {
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }

  #said({ done, value: chunk }: IteratorResult<CompletionChunk>): IteratorResult<Said, undefined> {
    this.#signal?.throwIfAborted();
    if (!done) return { done: false, value: this.#saidIn(chunk) };
    const usage = this.#usage;
    if (!usage) return { done: true, value: undefined };
    this.#usage = null;
    return { done: false, value: usageOf(usage) };
  }

  #saidIn({ choices, usage }: CompletionChunk): Said {
    // some servers count up with each chunk: the last one's word counts
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
