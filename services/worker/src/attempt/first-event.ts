import { setTimeout as delay } from 'node:timers/promises';
import pRetry from 'p-retry';
import { type Failure, failureOf } from './failure.ts';
import { abandon, orAborted } from './until-aborted.ts';

export interface RetryPolicy {
  /** repetitions after the first try */
  readonly retries: number;
  /** before the first repetition, then doubled each time, with jitter, milliseconds */
  readonly minDelayMs: number;
  /** also where Retry-After asks for more, milliseconds */
  readonly maxDelayMs: number;
}

/** A running pipeline and the first thing that it said. */
export interface Opened<Event, Result> {
  readonly events: AsyncGenerator<Event, Result, void>;
  readonly first: IteratorResult<Event, Result>;
}

/** Runs a pipeline until it says something, and again where it failed in a way that may pass (429, 5xx, no
 *  connection). Only up to its first event: what comes after has been published, and is not said twice.
 *
 *  This is the one retry policy of all pipelines; LangChain's own is switched off, since it repeats what we could
 *  neither bound by the attempt's clocks, nor count, nor log.
 *  @param signal the attempt's; its clocks bound the tries and the delays between them
 *  @throws the last try's error, or the signal's reason */
export function untilFirstEvent<Event, Result>(
  start: () => AsyncGenerator<Event, Result, void>,
  policy: RetryPolicy,
  { signal, onRetry }: { readonly signal: AbortSignal; readonly onRetry: (failure: Failure) => void },
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
      // p-retry takes most TypeErrors for bugs, but Node's fetch throws them for lost connections
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
      onRetry(failure);
      // p-retry's own delay comes on top: many workers told the same Retry-After do not come back at the same moment
      await delay(Math.min(failure.retryAfterMs, maxDelayMs), undefined, { signal });
      return true;
    },
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error instanceof TryFailed ? failed : error;
  });
}

class TryFailed extends Error {}
