import { useMemo } from 'react';
import type { ThreadListSnapshot, ThreadListStore } from '../conversation/store.ts';
import { createThreadList } from '../conversation/thread-list.ts';
import { useMillrace } from './client-context.ts';
import { useStore } from './use-store.ts';

type Actions = Omit<ThreadListStore, 'subscribe' | 'getSnapshot' | 'search'>;

/** What the list shows, and what can be done with it; `searchFor` is the store's `search`. */
export type UsedThreads = ThreadListSnapshot & Actions & { readonly searchFor: ThreadListStore['search'] };

/** The caller's threads, newest first, page by page. */
export function useThreads(): UsedThreads {
  const client = useMillrace();
  const store = useMemo(() => createThreadList(client), [client]);
  const actions = useMemo(() => actionsOf(store), [store]);
  return { ...useStore(store), ...actions };
}

function actionsOf(store: ThreadListStore): Omit<UsedThreads, keyof ThreadListSnapshot> {
  return {
    refresh: () => store.refresh(),
    loadMore: () => store.loadMore(),
    searchFor: (text) => store.search(text),
    rename: (id, title) => store.rename(id, title),
    erase: (id) => store.erase(id),
  };
}
