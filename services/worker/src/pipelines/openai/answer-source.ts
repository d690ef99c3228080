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
  /** Closes the connection to the model, unless the answer has come whole. */
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
