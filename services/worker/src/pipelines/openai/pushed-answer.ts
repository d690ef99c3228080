import { type AnswerSource, type ByteSink, bindSource } from './answer-source.ts';

/** A request on its way and its answer: what undici's dispatcher calls a handler, in the form that every dispatcher
 *  understands which Node's `fetch` may use.
 *  @see https://github.com/nodejs/undici/blob/v6.x/docs/docs/api/Dispatcher.md (Parameter: DispatchHandler) */
export class PushedAnswer implements AnswerSource {
  readonly #signal: AbortSignal | null;
  readonly #response = Promise.withResolvers<Response | null>();
  readonly #onAbort = () => this.abort(this.#signal?.reason);
  readonly #early: Uint8Array[] = [];
  #sink: ByteSink | null = null;
  #end: { readonly error?: unknown } | null = null;
  #abortRequest: ((reason: unknown) => void) | null = null;
  #resumeReading: (() => void) | null = null;

  /** @param signal closes the connection, at any time */
  constructor(signal: AbortSignal | null) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves with the answer's head; with null where it is to be asked for by `fetch`: a redirect, a compressed answer.
   *  @throws what `fetch` throws */
  get response(): Promise<Response | null> {
    return this.#response.promise;
  }

  pushTo(sink: ByteSink): void {
    this.#sink = sink;
    for (const bytes of this.#early.splice(0)) sink.bytes(bytes);
    if (this.#end === null) this.resume();
    else this.#tell(this.#end);
  }

  resume(): void {
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
    if (needsFetch(status, headers)) {
      this.#response.resolve(null);
      this.abort(new Error('left to fetch'));
      return true;
    }
    const body = [204, 205, 304].includes(status) ? null : this.#webStream();
    this.#response.resolve(bindSource(new Response(body, { status, statusText, headers }), this));
    return true;
  }

  onData(bytes: Uint8Array): boolean {
    if (this.#sink !== null) return this.#sink.bytes(bytes);
    this.#early.push(bytes);
    return false;
  }

  onComplete(): void {
    this.#ended({});
  }

  onError(cause: unknown): void {
    const reason = this.#signal?.aborted ? this.#signal.reason : undefined;
    // as `fetch` words it: before the head, and after it
    this.#response.reject(reason ?? new TypeError('fetch failed', { cause }));
    this.#ended({ error: reason ?? new TypeError('terminated', { cause }) });
  }

  #ended(end: { readonly error?: unknown }): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
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

function needsFetch(status: number, headers: Headers): boolean {
  const isRedirect = [301, 302, 303, 307, 308].includes(status) && headers.has('location');
  return isRedirect || (headers.get('content-encoding') ?? 'identity') !== 'identity';
}
