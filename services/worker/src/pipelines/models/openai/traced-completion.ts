import type { OpenAIClient } from '@langchain/openai';
import type { AttemptTrace, ModelAnswer, TracedCall } from '@millrace/telemetry';
import type { CompletionChunk } from './chunk-reader.ts';
import { isFields } from './fields.ts';

type Request = Pick<OpenAIClient.Chat.ChatCompletionCreateParams, 'model' | 'max_tokens' | 'temperature'> & {
  readonly max_completion_tokens?: number | null;
};
type Completion = OpenAIClient.Chat.Completions.ChatCompletion;

/** Requests a completion inside a span, which ends with the last chunk.
 *  @throws what `send` throws */
export async function traceCompletion<Answer extends AsyncIterable<CompletionChunk> | Completion>(
  trace: AttemptTrace,
  request: Request,
  send: () => Promise<Answer>,
): Promise<AsyncIterable<CompletionChunk> | Completion> {
  const { model, max_tokens: most, max_completion_tokens: maxTokens = most, temperature } = request;
  const call = trace.model({
    ...{ provider: 'openai', model },
    ...{ maxTokens: maxTokens ?? undefined, temperature: temperature ?? undefined },
  });
  try {
    const answer = await send();
    if (Symbol.asyncIterator in answer) return new TracedCompletion(answer, call);
    const { id, model: answered, choices, usage } = answer;
    const finishReasons = choices.map(({ finish_reason: reason }) => reason);
    call.end({ id, model: answered, finishReasons, ...tokensIn(usage) });
    return answer;
  } catch (error) {
    call.fail(error);
    throw error;
  }
}

/** A streamed completion whose call is traced. Others are not wrapped: this runs for every token. */
class TracedCompletion implements AsyncIterableIterator<CompletionChunk> {
  readonly #chunks: AsyncIterator<CompletionChunk>;
  #answer: ModelAnswer | null = null;

  constructor(
    chunks: AsyncIterable<CompletionChunk>,
    readonly call: TracedCall<ModelAnswer>,
  ) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<CompletionChunk, undefined>> {
    return this.#chunks.next().then(this.#saw, this.#failed);
  }

  async return(): Promise<IteratorResult<CompletionChunk, undefined>> {
    await this.#chunks.return?.();
    this.call.end(this.#answer ?? {});
    return { done: true, value: undefined };
  }

  readonly #saw = (next: IteratorResult<CompletionChunk>): IteratorResult<CompletionChunk> => {
    if (next.done) this.call.end(this.#answer ?? {});
    else this.#note(next.value);
    return next;
  };

  readonly #failed = (error: unknown): never => {
    this.call.fail(error);
    throw error;
  };

  #note({ id, model, choices, usage }: CompletionChunk): void {
    this.#answer ??= { id, model };
    const reason = choices[0]?.finish_reason;
    if (reason) this.#answer = { ...this.#answer, finishReasons: [reason] };
    if (usage) this.#answer = { ...this.#answer, ...tokensIn(usage) };
  }
}

function tokensIn(usage: unknown): Pick<ModelAnswer, 'inputTokens' | 'outputTokens'> {
  const { prompt_tokens: input, completion_tokens: output } = isFields(usage) ? usage : {};
  return {
    inputTokens: typeof input === 'number' ? input : undefined,
    outputTokens: typeof output === 'number' ? output : undefined,
  };
}
