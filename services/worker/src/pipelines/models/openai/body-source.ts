/** Where an answer's bytes go as they come. */
export interface ByteSink {
  /** @returns false when it wants no more until it calls `resume` */
  bytes(bytes: Uint8Array): boolean;
  /** nothing comes after it */
  end(): void;
  /** the answer broke off; nothing comes after it */
  failed(error: unknown): void;
}

/** What pushes an answer's bytes. */
export interface AnswerSource {
  /** To be called once. */
  pushTo(sink: ByteSink): void;
  /** Goes on after the sink had enough. */
  resume(): void;
  /** Closes the connection to the model, unless the answer has come whole: the sink wants no more. */
  abort(reason: unknown): void;
}

const sources = new WeakMap<Response, AnswerSource>();

/** Makes a source known as that of a response's body. */
export function bindSource(response: Response, source: AnswerSource): Response {
  sources.set(response, source);
  return response;
}

/** What pushes the bytes of a response, in place of its body: whoever takes it leaves the body alone. */
export function sourceOf(response: Response, body: ReadableStream<Uint8Array>): AnswerSource {
  return sources.get(response) ?? new WebStreamSource(body);
}

/** A source as a body for whoever reads it as any other: nothing is pushed before it is asked for, and then all of it. */
export function bodyOf(source: AnswerSource): ReadableStream<Uint8Array> {
  let isPushing = false;
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (isPushing) return;
        isPushing = true;
        source.pushTo({
          bytes: (bytes) => {
            controller.enqueue(bytes);
            return true;
          },
          end: () => controller.close(),
          failed: (error) => controller.error(error),
        });
      },
      cancel: (reason) => source.abort(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Pushes what a web stream brings. */
class WebStreamSource implements AnswerSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #sink: ByteSink | null = null;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  pushTo(sink: ByteSink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    this.#read().catch((error: unknown) => this.#sink?.failed(error));
  }

  abort(reason: unknown): void {
    this.#reader.cancel(reason).catch(() => {
      // it has failed already: there is nothing to close
    });
  }

  async #read(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.#sink?.end();
      if (this.#sink?.bytes(value) === false) return;
    }
  }
}
