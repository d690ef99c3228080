/** What comes closer together was sent together: one chunk, milliseconds. */
const CHUNK_MS = 1;

/** Measures the time between two chunks of an answer's text or reasoning, as its reader would see them come from the model. One
 *  look at the clock for each piece. Time in which something else is to be done is none: a tool runs, or the worker waits for
 *  Redis. */
export class TokenGaps {
  /** ms of performance.now(); null: what comes next follows on nothing */
  #lastAt: number | null = null;

  constructor(readonly observe: (seconds: number) => void) {}

  /** An event was said. */
  said(type: string): void {
    if (type !== 'text' && type !== 'reasoning') {
      this.#lastAt = null;
      return;
    }
    const now = performance.now();
    const gapMs = this.#lastAt === null ? 0 : now - this.#lastAt;
    this.#lastAt = now;
    if (gapMs >= CHUNK_MS) this.observe(gapMs / 1_000);
  }

  /** The worker waits for something other than the model. */
  pause(): void {
    this.#lastAt = null;
  }
}
