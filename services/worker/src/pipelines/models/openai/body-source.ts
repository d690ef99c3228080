/** Receives the bytes of a response body as they arrive. */
export interface ByteSink {
  /** @returns false to pause the source until `resume` is called */
  bytes(bytes: Uint8Array): boolean;
  /** The body is complete. Called at most once, and last. */
  end(): void;
  /** The body broke off. Called at most once, and last. */
  failed(error: unknown): void;
}

/** Pushes the bytes of a response body. */
export interface BodySource {
  /** Starts pushing. Call it once. */
  pushTo(sink: ByteSink): void;
  /** Continues after the sink has paused the source. */
  resume(): void;
  /** Closes the connection to the model, unless the body is complete. */
  abort(reason: unknown): void;
}

const sources = new WeakMap<Response, BodySource>();

/** Registers the source of a response's body for {@link sourceOf}. */
export function bindSource(response: Response, source: BodySource): Response {
  sources.set(response, source);
  return response;
}

/** Pushes the bytes of a response in place of its body. The caller must not read the body. */
export function sourceOf(response: Response, body: ReadableStream<Uint8Array>): BodySource {
  return sources.get(response) ?? new WebStreamSource(body);
}

/** Wraps a source as a web stream. The first read starts the source, which then pushes everything. */
export function bodyOf(source: BodySource): ReadableStream<Uint8Array> {
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

/** Pushes the chunks of a web stream. */
class WebStreamSource implements BodySource {
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
      // the stream has already failed: there is nothing to close
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
