import type { BodySource, ByteSink } from './body-source.ts';

export interface BodyBounds {
  readonly maxBytes: number;
  /** from the first read on, milliseconds */
  readonly maxMs: number;
}

/** Ends a body at its bounds and closes the connection. The sink sees a shorter body, not an error. */
export class BoundedSource implements BodySource, ByteSink {
  readonly #source: BodySource;
  readonly #bounds: BodyBounds;
  #sink: ByteSink | null = null;
  #timer: NodeJS.Timeout | null = null;
  #bytesLeft: number;
  #isOver = false;

  constructor(source: BodySource, bounds: BodyBounds) {
    this.#source = source;
    this.#bounds = bounds;
    this.#bytesLeft = bounds.maxBytes;
  }

  pushTo(sink: ByteSink): void {
    this.#sink = sink;
    this.#timer = setTimeout(() => this.#cut(), this.#bounds.maxMs);
    this.#source.pushTo(this);
  }

  resume(): void {
    this.#source.resume();
  }

  abort(reason: unknown): void {
    this.#finish();
    this.#source.abort(reason);
  }

  bytes(bytes: Uint8Array): boolean {
    if (this.#isOver) return true;
    const part = bytes.subarray(0, this.#bytesLeft);
    this.#bytesLeft -= part.length;
    const wantsMore = this.#sink?.bytes(part) ?? true;
    if (this.#bytesLeft === 0) this.#cut();
    return wantsMore;
  }

  end(): void {
    if (this.#finish()) this.#sink?.end();
  }

  failed(error: unknown): void {
    if (this.#finish()) this.#sink?.failed(error);
  }

  #cut(): void {
    this.end();
    this.#source.abort(new DOMException('The rest of the body is not read.', 'AbortError'));
  }

  /** @returns false when the body has already ended */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    return true;
  }
}
