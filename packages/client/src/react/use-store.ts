import { useSyncExternalStore } from 'react';
import type { Store } from '../conversation/store.ts';

/** The snapshot of the moment, also while a page is made on a server. */
export function useStore<T>({ subscribe, getSnapshot }: Store<T>): T {
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}
