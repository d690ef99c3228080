import { useEffect, useState } from 'react';
import { liveEvents, Refused } from './api.ts';

const RETRY_MS = 1_000;

export interface Live<T> {
  readonly state: T | null;
  /** why there is nothing new; null: there is */
  readonly problem: string | null;
}

/** Follows a stream of whole states, and comes back when it breaks off.
 *  @param isLast whether nothing follows after a state */
export function useLive<T>(path: string, event: string, isLast: (state: T) => boolean = () => false): Live<T> {
  const [live, setLive] = useState<Live<T>>({ state: null, problem: null });
  // biome-ignore lint/correctness/useExhaustiveDependencies: isLast is the same function of the state each time
  useEffect(() => {
    const leaving = new AbortController();
    setLive({ state: null, problem: null });
    void follow<T>(path, event, leaving.signal, isLast, (change) => setLive((before) => ({ ...before, ...change })));
    return () => leaving.abort();
  }, [path, event]);
  return live;
}

async function follow<T>(
  path: string,
  event: string,
  signal: AbortSignal,
  isLast: (state: T) => boolean,
  show: (change: Partial<Live<T>>) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const { event: name, data } of liveEvents(path, signal)) {
        if (name !== event) show({ problem: 'Redis does not answer. The figures are the last known ones.' });
        else {
          show({ state: data as T, problem: null });
          if (isLast(data as T)) return;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      const isFinal = error instanceof Refused && error.status < 500 && error.status !== 429;
      show({ problem: error instanceof Refused ? error.message : 'The connection is lost. Trying again.' });
      if (isFinal) return;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
