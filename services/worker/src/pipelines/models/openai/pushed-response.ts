import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { type AnswerSource, type ByteSink, bindSource, bodyOf } from './body-source.ts';
import { decoded } from './content-decoding.ts';

/** A request on its way and its answer: what undici's dispatcher calls a handler.
 *  @see https://github.com/nodejs/undici/blob/v7.x/docs/docs/api/Dispatcher.md (Parameter: DispatchHandler) */
export class PushedAnswer implements AnswerSource, Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal | null;
  readonly #response = Promise.withResolvers<Response>();
  readonly #onAbort = () => this.#aborted(this.#signal?.reason);
  readonly #early: Uint8Array[] = [];
  #sink: ByteSink | null = null;
  #end: { readonly error?: unknown } | null = null;
  #controller: Dispatcher.DispatchController | null = null;

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
    this.#controller?.resume();
  }

  abort(reason: unknown): void {
    this.#controller?.abort(reason instanceof Error ? reason : new Error('aborted', { cause: reason }));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal?.aborted) this.#onAbort();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText = '',
  ): void {
    // a hint (103, say): the answer is yet to come
    if (status < 200) return;
    const head = { status, statusText, headers: headersFrom(headers) };
    const isBodiless = [204, 205, 304].includes(status);
    const source = isBodiless ? this : decoded(this, head.headers);
    this.#response.resolve(bindSource(new Response(isBodiless ? null : bodyOf(source), head), source));
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Uint8Array): void {
    if (this.#sink === null) this.#early.push(bytes);
    if (!this.#sink?.bytes(bytes)) controller.pause();
  }

  onResponseEnd(): void {
    this.#ended({});
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: unknown): void {
    const reason = this.#signal?.aborted ? this.#signal.reason : undefined;
    // as `fetch` words it: before the head, and after it
    this.#response.reject(reason ?? new TypeError('fetch failed', { cause }));
    this.#ended({ error: reason ?? new TypeError('terminated', { cause }) });
  }

  #aborted(reason: unknown): void {
    // while it is still connecting there is no controller yet, and nobody need wait for one
    this.#response.reject(reason);
    this.abort(reason);
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
}

function headersFrom(raw: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value = []] of Object.entries(raw)) {
    for (const each of Array.isArray(value) ? value : [value]) headers.append(name, each);
  }
  return headers;
}
