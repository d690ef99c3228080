import { Backoff, pause, type RetryPolicy } from '../backoff.ts';
import { MillraceError } from '../errors.ts';
import type { Reconnection } from '../resumed-events.ts';
import type { Thread, ThreadEvent } from '../thread.ts';

/** A page stays open for days: it never gives up. */
export const NEVER_GIVES_UP = { retryMs: 1000, maxRetryMs: 15_000, maxFailures: Number.POSITIVE_INFINITY };

/** Takes no notice of a failure. */
export const IGNORE = () => undefined;

export interface Follower {
  /** a connection is there */
  readonly onOpen: () => void;
  readonly onEvent: (event: ThreadEvent) => void;
  /** a connection was lost */
  readonly onReconnect: (reconnection: Reconnection) => void;
}

/** Gives everything that happens in a thread until it is gone.
 *  @throws MillraceError the server refuses, and will again
 *  @throws the signal's reason */
export async function follow(thread: () => Thread, follower: Follower, signal: AbortSignal): Promise<void> {
  const { onOpen, onReconnect } = follower;
  await patiently(signal, onReconnect, async () => {
    for await (const event of thread().events({ signal, onOpen, onReconnect })) follower.onEvent(event);
  });
}

/** Repeats what may succeed later.
 *  @param policy left out: without end, for what is given up with its signal
 *  @throws MillraceError the server refuses, and will again
 *  @throws the signal's reason */
export async function patiently<T>(
  signal: AbortSignal,
  onFailure: (reconnection: Reconnection) => void,
  work: () => Promise<T>,
  policy: RetryPolicy = NEVER_GIVES_UP,
): Promise<T> {
  const backoff = new Backoff(policy);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof MillraceError) || !error.retryable) throw error;
      const delayMs = backoff.next(error);
      onFailure({ delayMs, cause: error });
      await pause(delayMs, signal);
    }
  }
}
