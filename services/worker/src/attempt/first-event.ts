import { setTimeout as delay } from 'node:timers/promises';
import pRetry from 'p-retry';
import { type Failure, failureOf } from './failure.ts';
import { abandon, orAborted } from './until-aborted.ts';

export interface RetryPolicy {
  /** retries after the first try */
  readonly retries: number;
  /** before the first retry, doubled for each further one, with jitter, milliseconds */
  readonly minDelayMs: number;
  /** also caps Retry-After, milliseconds */
  readonly maxDelayMs: number;
}

/** A running pipeline and its first event or result. */
export interface Opened<Event, Result> {
  readonly events: AsyncGenerator<Event, Result, void>;
  readonly first: IteratorResult<Event, Result>;
}

/** Runs a pipeline up to its first event, and retries transient failures (429, 5xx, no connection). Later failures are not
 *  retried: the events have been published.
 *
 *  This is the only retry policy for all pipelines. LangChain's own is disabled: its retries would not be bounded by the
 *  attempt's deadlines, counted or logged.
 *  @param signal the attempt's; its deadlines bound the tries and the delays between them
 *  @param onRetry awaited before the next try
 *  @throws the last try's error, or the signal's reason */
export function untilFirstEvent<Event, Result>(
  start: () => AsyncGenerator<Event, Result, void>,
  policy: RetryPolicy,
  { signal, onRetry }: { readonly signal: AbortSignal; readonly onRetry: (failure: Failure) => unknown },
): Promise<Opened<Event, Result>> {
  const { retries, minDelayMs, maxDelayMs } = policy;
  let failed: unknown;
  const open = async () => {
    const events = start();
    try {
      return { events, first: await orAborted(events.next(), signal) };
    } catch (error) {
      abandon(events);
      failed = error;
      // p-retry does not retry most TypeErrors, but Node's fetch throws them for lost connections
      throw new TryFailed();
    }
  };
  return pRetry(open, {
    retries,
    minTimeout: minDelayMs,
    maxTimeout: maxDelayMs,
    factor: 2,
    randomize: true,
    signal,
    shouldRetry: async () => {
      const failure = failureOf(failed);
      if (!failure.transient) return false;
      await onRetry(failure);
      // p-retry adds its own delay: workers that got the same Retry-After must not all retry at the same moment
      await delay(Math.min(failure.retryAfterMs, maxDelayMs), undefined, { signal });
      return true;
    },
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error instanceof TryFailed ? failed : error;
  });
}

class TryFailed extends Error {}
