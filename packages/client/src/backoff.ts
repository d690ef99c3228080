import type { MillraceError } from './errors.ts';

/** How to reconnect after a lost connection. */
export interface RetryPolicy {
  /** upper bound of the first wait, milliseconds, until the server names its own (`retry:`); doubled with each failure in a row */
  readonly retryMs: number;
  /** upper bound of every wait, milliseconds; only the server's `Retry-After` may exceed it */
  readonly maxRetryMs: number;
  /** failures in a row after which the client gives up; `Infinity`: never */
  readonly maxFailures: number;
}

/** Counts failures in a row and waits between them: exponential, with full jitter, so that the clients of a dead node spread
 *  over the whole wait instead of returning at once. */
export class Backoff {
  private failures = 0;
  private baseMs: number;

  constructor(private readonly policy: RetryPolicy) {
    this.baseMs = policy.retryMs;
  }

  /** Takes the reconnection time that the server named.
   *  @param retryMs milliseconds */
  serverSays(retryMs: number): void {
    this.baseMs = retryMs;
  }

  /** The connection works: the next failure counts as the first. */
  worked(): void {
    this.failures = 0;
  }

  /** @param cause what went wrong; thrown after too many failures
   *  @returns how long to wait before the next try, milliseconds: a part of the bound, after what the server asked for */
  next(cause: MillraceError): number {
    this.failures += 1;
    if (this.failures > this.policy.maxFailures) throw cause;
    const boundMs = Math.min(this.baseMs * 2 ** (this.failures - 1), this.policy.maxRetryMs);
    return (cause.retryAfterMs ?? 0) + Math.random() * boundMs;
  }
}

/** @param delayMs milliseconds
 *  @throws the signal's reason, at once when it is aborted */
export function pause(delayMs: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
