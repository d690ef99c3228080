import { type AnswerSource, type ByteSink, bindSource } from './answer-source.ts';
import { type Decoding, decodingOf } from './content-decoding.ts';

/** A request on its way and its answer: what undici's dispatcher calls a handler, in the form that every dispatcher
 *  understands which Node's `fetch` may use.
 *  @see https://github.com/nodejs/undici/blob/v6.x/docs/docs/api/Dispatcher.md (Parameter: DispatchHandler) */
export class PushedAnswer implements AnswerSource {
  readonly #signal: AbortSignal | null;
  readonly #response = Promise.withResolvers<Response>();
  readonly #onAbort = () => this.abort(this.#signal?.reason);
  readonly #early: Uint8Array[] = [];
  #sink: ByteSink | null = null;
  #end: { readonly error?: unknown } | null = null;
  #decoding: Decoding | null = null;
  /** the sink wants no more until it asks for it */
  #isFull = true;
  #abortRequest: ((reason: unknown) => void) | null = null;
  #resumeReading: (() => void) | null = null;

  /** @param signal closes the connection, at any time */
  constructor(signal: AbortSignal | null) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves with the answer's head. A redirect is an answer like any other: it is not followed.
   *  @throws what `fetch` throws */
  get response(): Promise<Response> {
    return this.#response.promise;
  }

  pushTo(sink: ByteSink): void {
    this.#sink = sink;
    let wantsMore = true;
    for (const bytes of this.#early.splice(0)) wantsMore = sink.bytes(bytes);
    if (this.#end !== null) this.#tell(this.#end);
    else if (wantsMore) this.resume();
  }

  resume(): void {
    this.#isFull = false;
    this.#resumeReading?.();
  }

  abort(reason: unknown): void {
    this.#abortRequest?.(reason);
  }

  onConnect(abort: (reason: unknown) => void): void {
    this.#abortRequest = abort;
    if (this.#signal?.aborted) this.#onAbort();
  }

  onHeaders(status: number, rawHeaders: readonly Buffer[], resume: () => void, statusText: string): boolean {
    // a hint (103, say): the answer is yet to come
    if (status < 200) return true;
    this.#resumeReading = resume;
    const headers = headersOf(rawHeaders);
    this.#decoding = decodingOf(headers, {
      bytes: (bytes) => this.#pass(bytes),
      end: () => this.#ended({}),
      failed: (cause) => this.#broken(cause),
    });
    const body = [204, 205, 304].includes(status) ? null : this.#webStream();
    this.#response.resolve(bindSource(new Response(body, { status, statusText, headers }), this));
    return true;
  }

  onData(bytes: Uint8Array): boolean {
    if (this.#decoding === null) return this.#pass(bytes);
    this.#decoding.write(bytes);
    return !this.#isFull;
  }

  onComplete(): void {
    if (this.#decoding === null) this.#ended({});
    else this.#decoding.end();
  }

  /** @returns whether more is wanted */
  #pass(bytes: Uint8Array): boolean {
    if (this.#sink === null) this.#early.push(bytes);
    this.#isFull = this.#sink === null || !this.#sink.bytes(bytes);
    return !this.#isFull;
  }

  onError(cause: unknown): void {
    this.#broken(cause);
  }

  #broken(cause: unknown): void {
    const reason = this.#signal?.aborted ? this.#signal.reason : undefined;
    // as `fetch` words it: before the head, and after it
    this.#response.reject(reason ?? new TypeError('fetch failed', { cause }));
    this.#ended({ error: reason ?? new TypeError('terminated', { cause }) });
  }

  #ended(end: { readonly error?: unknown }): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#end !== null) return;
    this.#end = end;
    this.#tell(end);
  }

  #tell(end: { readonly error?: unknown }): void {
    if ('error' in end) this.#sink?.failed(end.error);
    else this.#sink?.end();
  }

  /** The body for whoever reads it as any other: nothing is pushed before it is asked for, and then all of it. */
  #webStream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          if (this.#sink !== null) return;
          this.pushTo({
            bytes: (bytes) => {
              controller.enqueue(bytes);
              return true;
            },
            end: () => controller.close(),
            failed: (error) => controller.error(error),
          });
        },
        cancel: (reason) => this.abort(reason),
      },
      { highWaterMark: 0 },
    );
  }
}

function headersOf(raw: readonly Buffer[]): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < raw.length; at += 2) headers.append(`${raw[at]}`, raw[at + 1]?.toString('latin1') ?? '');
  return headers;
}
