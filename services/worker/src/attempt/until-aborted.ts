/** Waits for promises in sequence, each only until the signal aborts: a pipeline may ignore its signal. It uses one listener
 *  for all promises because it runs for every token. */
export class UntilAborted implements Disposable {
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.#reject?.(this.#signal.reason);
  #reject: ((reason: unknown) => void) | null = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Call it again only after the previous promise has settled.
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

/** Waits for a promise until the signal aborts.
 *  @throws the signal's reason */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  using aborted = new UntilAborted(signal);
  return await aborted.wait(promise);
}

/** Ends a generator without waiting for it: one that ignores its signal may be stuck. */
export function abandon(generator: AsyncGenerator<unknown, unknown, void>): void {
  generator.return(undefined).catch(() => {
    // the attempt has already ended
  });
}
