/** Waits for a promise, but not longer than until the signal is aborted: somebody else's code need not heed it.
 *  @throws the signal's reason */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Ends a generator that nobody reads any more. Not waited for: one that ignores its signal may be stuck. */
export function abandon(generator: AsyncGenerator<unknown, unknown, void>): void {
  generator.return(undefined).catch(() => {
    // nobody is left who could be told
  });
}
