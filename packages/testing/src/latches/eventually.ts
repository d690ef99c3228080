import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** how long to try, milliseconds */
  readonly timeoutMs?: number;
  /** pause between tries, milliseconds */
  readonly everyMs?: number;
  /** stops the tries; its reason is thrown */
  readonly signal?: AbortSignal;
}

/** Only a failing test waits this long: a test of a shorter bound measures the time itself. */
const PATIENCE_MS = 20_000;

/** Tries until a condition holds. Only for what has no event to wait on, such as the state of another process.
 *  The condition holds when it returns anything but `false`, `null` and `undefined`, and does not throw.
 *  @returns what the condition returned
 *  @throws what the last try threw, or an Error that quotes the condition, when time runs out */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = PATIENCE_MS, everyMs = 10, signal }: EventuallyOptions = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const attempt = await tryOnce(condition);
    if (attempt.held) return attempt.value;
    if (performance.now() >= deadline) throw attempt.error;
    await delay(everyMs, undefined, signal === undefined ? {} : { signal });
  }
}

type Attempt<T> =
  | { readonly held: true; readonly value: NonNullable<Exclude<T, false>> }
  | { readonly held: false; readonly error: unknown };

async function tryOnce<T>(condition: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) {
      return { held: true, value: value as NonNullable<Exclude<T, false>> };
    }
    return { held: false, error: new Error(`never held: ${condition.toString()}`) };
  } catch (error) {
    return { held: false, error };
  }
}
