/** A promise that is settled from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** A latch: one part of a test waits until another opens it. */
export function deferred<T = void>(): Deferred<T> {
  return Promise.withResolvers<T>();
}
