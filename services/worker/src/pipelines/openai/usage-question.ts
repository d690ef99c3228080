import type { OpenAIClient } from '@langchain/openai';
import type { CompletionChunk } from './chunk-reader.ts';

type StreamingRequest = OpenAIClient.Chat.ChatCompletionCreateParamsStreaming;
type Chunks = AsyncIterableIterator<CompletionChunk>;

/** Asks models what an answer cost (`stream_options`), and those without that do not know the question. A server may refuse
 *  it before its answer or in the first frame of one. What it said is remembered for as long as the process lives. */
export class UsageQuestion {
  /** by model: whether it knows the question; models are on the operator's list, so that these are few */
  readonly #known = new Map<string, boolean>();

  /** @param ask sends a request; called twice where the question is refused
   *  @throws what `ask` and its first chunk throw */
  async ask(request: StreamingRequest, ask: (request: StreamingRequest) => Promise<Chunks>): Promise<Chunks> {
    const { stream_options: question, ...without } = request;
    if (question === undefined || question === null) return ask(request);
    const known = this.#known.get(request.model);
    if (known !== undefined) return ask(known ? request : without);
    try {
      const chunks = await ask(request);
      const first = await chunks.next();
      this.#known.set(request.model, true);
      return startingWith(first, chunks);
    } catch (error) {
      if (!refusesQuestion(error)) throw error;
      this.#known.set(request.model, false);
      return ask(without);
    }
  }
}

/** Whether a model's server has refused the question alone. It says so in words of its own: only the field's name is sure. */
function refusesQuestion(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { status, error: body } = error as Error & { readonly status?: unknown; readonly error?: unknown };
  const isRefusal = status === undefined || status === 400 || status === 422;
  return isRefusal && /stream_options|include_usage/.test(`${error.message} ${JSON.stringify(body) ?? ''}`);
}

/** Chunks of which the first has been read already. */
function startingWith(first: IteratorResult<CompletionChunk>, rest: Chunks): Chunks {
  let isFirst = true;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      if (!isFirst) return rest.next();
      isFirst = false;
      return Promise.resolve(first);
    },
    return: () => rest.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
}
