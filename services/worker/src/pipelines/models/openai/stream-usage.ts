import type { OpenAIClient } from '@langchain/openai';
import type { CompletionChunk } from './chunk-reader.ts';

type StreamingRequest = OpenAIClient.Chat.ChatCompletionCreateParamsStreaming;
type Chunks = AsyncIterableIterator<CompletionChunk>;

/** A pipeline of one's own may name any model: of more than these nothing is remembered. */
const MAX_MODELS = 1_000;

/** Asks models what an answer cost (`stream_options`), and those without that do not know the question. A server may refuse
 *  it before its answer or in the first frame of one. What it said is remembered for as long as the process lives, or until
 *  it says otherwise: a gateway may put another server behind the same name. */
export class UsageQuestion {
  /** by model: whether it knows the question */
  readonly #known = new Map<string, boolean>();

  /** @param ask sends a request; called twice where the question is refused
   *  @throws what `ask` and its first chunk throw */
  async ask(request: StreamingRequest, ask: (request: StreamingRequest) => Promise<Chunks>): Promise<Chunks> {
    const { model, stream_options: question, ...others } = request;
    const without = { model, ...others };
    if (question === undefined || question === null) return ask(request);
    if (this.#known.get(model) === false) return ask(without);
    try {
      const chunks = await ask(request);
      return this.#known.get(model) ? chunks : await this.#begun(chunks, model, true);
    } catch (error) {
      if (!refusesQuestion(error)) throw error;
      return this.#begun(await ask(without), model, false);
    }
  }

  /** Remembers what helped once an answer has begun. A refusal may quote a prompt, and so name the field that was not
   *  what it refused: then the model refuses the second request, too. */
  async #begun(chunks: Chunks, model: string, knows: boolean): Promise<Chunks> {
    const first = await chunks.next();
    if (this.#known.has(model) || this.#known.size < MAX_MODELS) this.#known.set(model, knows);
    return startingWith(first, chunks);
  }
}

/** Whether a model's server may have refused the question. It says so in words of its own: only the field's name is sure. */
function refusesQuestion(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { status, error: body } = error as Error & { readonly status?: unknown; readonly error?: unknown };
  // some servers fail at what they do not know, with 500 or 501
  return (
    !OTHER_REASONS.has(status) && /stream_options|include_usage/.test(`${error.message} ${JSON.stringify(body) ?? ''}`)
  );
}

/** Statuses that are about the key or the account, whatever else is said. */
const OTHER_REASONS = new Set<unknown>([401, 402, 403, 429]);

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
