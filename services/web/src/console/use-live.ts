import { useEffect, useState } from 'react';
import { isFinal, liveEvents, sentenceOf } from './api.ts';

const RETRY_MS = 1_000;
/** What a timer can wait at most: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface Live<T> {
  readonly state: T | null;
  /** why there is nothing new; null: there is */
  readonly problem: string | null;
}

interface LiveOptions<T> {
  /** whether nothing follows after a state; left out: something always does */
  readonly isLast?: (state: T) => boolean;
  /** how long the stream may say nothing, milliseconds; left out: as long as nothing changes */
  readonly silenceMs?: number;
}

/** Follows a stream of whole states, and comes back when it breaks off.
 *  @param options stay the same */
export function useLive<T>(path: string, event: string, options: LiveOptions<T> = {}): Live<T> {
  const [live, setLive] = useState<Live<T>>({ state: null, problem: null });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the options stay the same
  useEffect(() => {
    const leaving = new AbortController();
    setLive({ state: null, problem: null });
    void follow<T>(path, event, leaving.signal, options, (change) => setLive((before) => ({ ...before, ...change })));
    return () => leaving.abort();
  }, [path, event]);
  return live;
}

async function follow<T>(
  path: string,
  event: string,
  signal: AbortSignal,
  { isLast = () => false, silenceMs = MAX_TIMER_MS }: LiveOptions<T>,
  show: (change: Partial<Live<T>>) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const { event: name, data } of liveEvents(path, signal, silenceMs)) {
        if (name !== event) show({ problem: 'Redis does not answer. The figures are the last known ones.' });
        else {
          show({ state: data as T, problem: null });
          if (isLast(data as T)) return;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      show({ problem: sentenceOf(error) });
      if (isFinal(error)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
