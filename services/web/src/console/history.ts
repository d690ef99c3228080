import { useEffect, useState } from 'react';
import type { ServiceView } from './views.ts';

/** States that the curves show: ten minutes. */
const MAX_POINTS = 600;

export interface History {
  readonly times: readonly number[];
  readonly tokensPerSecond: readonly number[];
  readonly queued: readonly number[];
  readonly firstTokenP95Ms: readonly (number | null)[];
}

const EMPTY: History = { times: [], tokensPerSecond: [], queued: [], firstTokenP95Ms: [] };

/** Remembers the figures of the last minutes while the console is open. */
export function useHistory(view: ServiceView | null): History {
  const [history, setHistory] = useState(EMPTY);
  useEffect(() => {
    if (view === null) return;
    setHistory((before) => ({
      times: added(before.times, Date.parse(view.at) / 1_000),
      tokensPerSecond: added(before.tokensPerSecond, view.total.tokensPerSecond),
      queued: added(before.queued, view.queue.queued),
      firstTokenP95Ms: added(before.firstTokenP95Ms, view.total.firstTokenP95Ms),
    }));
  }, [view]);
  return history;
}

function added<T>(list: readonly T[], value: T): T[] {
  return [...list.slice(-MAX_POINTS + 1), value];
}
