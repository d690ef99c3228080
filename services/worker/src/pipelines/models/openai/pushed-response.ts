import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { type BodySource, type ByteSink, bindSource, bodyOf } from './body-source.ts';
import { BoundedSource } from './bounded-source.ts';
import { decoded } from './content-decoding.ts';

/** The text of an error needs no more: a server that never ends it must not hold an attempt. */
const ERROR_BOUNDS = { maxBytes: 256 * 1024, maxMs: 5_000 };

/** A request in flight and its response: an undici dispatch handler.
 *  @see https://github.com/nodejs/undici/blob/v7.x/docs/docs/api/Dispatcher.md (Parameter: DispatchHandler) */
export class PushedResponse implements BodySource, Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal | null;
  readonly #response = Promise.withResolvers<Response>();
  readonly #onAbort = () => this.#aborted(this.#signal?.reason);
  readonly #early: Uint8Array[] = [];
  #sink: ByteSink | null = null;
  #end: { readonly error?: unknown } | null = null;
  #controller: Dispatcher.DispatchController | null = null;

  /** @param signal closes the connection when aborted */
  constructor(signal: AbortSignal | null) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves with the response head. Redirects are not followed: they are responses like any other.
   *  @throws what `fetch` throws */
  get response(): Promise<Response> {
    return this.#response.promise;
  }

  pushTo(sink: ByteSink): void {
    this.#sink = sink;
    let wantsMore = true;
    for (const bytes of this.#early.splice(0)) wantsMore = sink.bytes(bytes);
    if (this.#end !== null) this.#deliver(this.#end);
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
    // an informational response, for example 103: the final one follows
    if (status < 200) return;
    const head = { status, statusText, headers: headersFrom(headers) };
    const isBodiless = [204, 205, 304].includes(status);
    const whole = isBodiless ? this : decoded(this, head.headers);
    const source = status < 300 ? whole : new BoundedSource(whole, ERROR_BOUNDS);
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
    // the same errors as `fetch`: before the head, and after it
    this.#response.reject(reason ?? new TypeError('fetch failed', { cause }));
    this.#ended({ error: reason ?? new TypeError('terminated', { cause }) });
  }

  #aborted(reason: unknown): void {
    // while connecting there is no controller yet, and the caller must not wait for one
    this.#response.reject(reason);
    this.abort(reason);
  }

  #ended(end: { readonly error?: unknown }): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#end = end;
    this.#deliver(end);
  }

  #deliver(end: { readonly error?: unknown }): void {
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
