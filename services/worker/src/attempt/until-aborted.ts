/** Waits for one promise after the other, but for none longer than until a signal is aborted: somebody else's code need
 *  not heed it. One listener for all of them, for this is the path of every token. */
export class UntilAborted implements Disposable {
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.#reject?.(this.#signal.reason);
  #reject: ((reason: unknown) => void) | null = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** To be called again when the promise before has settled.
   *  @throws the signal's reason */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#signal.aborted) this.#onAbort();
      promise.then(resolve, reject);
    });
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}

/** Waits for a promise, but not longer than until the signal is aborted.
 *  @throws the signal's reason */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  using aborted = new UntilAborted(signal);
  return await aborted.wait(promise);
}

/** Ends a generator that nobody reads any more. Not waited for: one that ignores its signal may be stuck. */
export function abandon(generator: AsyncGenerator<unknown, unknown, void>): void {
  generator.return(undefined).catch(() => {
    // nobody is left who could be told
  });
}
