import type { OpenAIClient } from '@langchain/openai';
import type { CompletionChunk } from './chunk-reader.ts';

type StreamingRequest = OpenAIClient.Chat.ChatCompletionCreateParamsStreaming;
type Chunks = AsyncIterableIterator<CompletionChunk>;

/** Bounds the memory: a custom pipeline may name any model. */
const MAX_MODELS = 1_000;

/** Requests usage with `stream_options`, and repeats a request without that option when the server rejects it. A server may
 *  reject the option before its answer or in the first frame. The outcome is remembered per model for the life of the
 *  process, until the server behaves differently: a gateway may put another server behind the same name. */
export class StreamUsageOption {
  /** by model: whether its server accepts the option */
  readonly #accepted = new Map<string, boolean>();

  /** @param send called twice when the server rejects the option
   *  @throws what `send` and its first chunk throw */
  async send(request: StreamingRequest, send: (request: StreamingRequest) => Promise<Chunks>): Promise<Chunks> {
    const { model, stream_options: option, ...others } = request;
    const without = { model, ...others };
    if (option === undefined || option === null) return send(request);
    if (this.#accepted.get(model) === false) return send(without);
    try {
      const chunks = await send(request);
      return this.#accepted.get(model) ? chunks : await this.#begun(chunks, model, true);
    } catch (error) {
      if (!refusesStreamOptions(error)) throw error;
      return this.#begun(await send(without), model, false);
    }
  }

  /** Remembers the outcome once an answer has begun. An error may quote a prompt that contains the option's name although
   *  the server rejected something else: then it rejects the second request, too. */
  async #begun(chunks: Chunks, model: string, accepts: boolean): Promise<Chunks> {
    const first = await chunks.next();
    if (this.#accepted.has(model) || this.#accepted.size < MAX_MODELS) this.#accepted.set(model, accepts);
    return startingWith(first, chunks);
  }
}

/** Whether a server may have rejected the option. Wordings differ: only the field's name is reliable. */
function refusesStreamOptions(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { status, error: body } = error as Error & { readonly status?: unknown; readonly error?: unknown };
  // some servers answer an unknown field with 500 or 501
  return (
    !OTHER_REASONS.has(status) && /stream_options|include_usage/.test(`${error.message} ${JSON.stringify(body) ?? ''}`)
  );
}

/** Statuses that concern the key or the account, regardless of the message. */
const OTHER_REASONS = new Set<unknown>([401, 402, 403, 429]);

/** Puts a chunk that has been read back before the rest. */
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
