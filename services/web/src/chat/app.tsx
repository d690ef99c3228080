import type { ConversationStore } from '@millrace/client/conversation';
import { useCallback, useEffect, useReducer, useRef, useState, useSyncExternalStore } from 'react';
import { useLocation, useRoute } from 'wouter';
import { ConversationScreen } from './conversation-screen.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { Shell } from './shell.tsx';
import { Sidebar } from './sidebar.tsx';
import { newThreadList, openConversation } from './stores.ts';
import { useReturn } from './use-return.ts';
import { OldWatchPage, WatchPage } from './watch-page.tsx';

/** How many conversations the list has before older ones are asked for. */
const FIRST_PAGE = 30;

/** The application of everybody who asks: conversations at `/` and `/c/<thread>`, and what others share at `/watch/<id>#<token>`. Earlier
 *  versions gave a job the address `/#<id>`. */
export function App() {
  const [isWatching, params] = useRoute('/watch/:id');
  const [path] = useLocation();
  // a link that is opened in the tab of another one may differ behind the `#` alone, and the page stays
  const hash = useSyncExternalStore(onHashChange, () => location.hash.slice(1));
  if (isWatching) return <WatchPage key={`${params.id}#${hash}`} id={params.id} token={hash} />;
  if (path === '/' && hash !== '') return <OldWatchPage key={hash} id={hash} />;
  return <Conversations />;
}

function onHashChange(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}

function Conversations() {
  const [, navigate] = useLocation();
  const [, params] = useRoute('/c/:thread');
  const wanted = params?.thread ?? null;
  // counts the credentials of this tab: with another one everything is read again
  const [credential, renew] = useReducer((count: number) => count + 1, 0);
  const [isAskingForKey, setIsAskingForKey] = useState(false);
  const [store, setStore] = useState(() => openConversation(wanted));
  const [list, setList] = useState(newThreadList);
  const [seen, setSeen] = useState(wanted);
  if (seen !== wanted) {
    setSeen(wanted);
    // an answer that was edited goes on in another thread, and a new conversation gets its address once it is there
    if (wanted === null || store.getSnapshot().threadId !== wanted) setStore(openConversation(wanted));
  }
  // the address follows what is shown: what ends late, in a conversation that was left, leads nobody away
  const shown = useSyncExternalStore(store.subscribe, () => addressOf(store));
  useEffect(() => {
    if (shown !== null && shown !== wanted) navigate(`/c/${encodeURIComponent(shown)}`);
  }, [shown, wanted, navigate]);
  const latest = useRef(wanted);
  latest.current = wanted;
  const threads = useSyncExternalStore(list.subscribe, list.getSnapshot);
  useReturn(() => {
    // a refresh takes away the older ones, which somebody has asked for
    if (!threads.isLoadingMore && threads.threads.length <= FIRST_PAGE) void list.refresh();
  });
  const listProblem = threads.problem?.code;
  useEffect(() => {
    if (listProblem === 'UNAUTHENTICATED') setIsAskingForKey(true);
  }, [listProblem]);

  const startNew = useCallback(() => {
    const { state, messages } = store.getSnapshot();
    // one whose first question is on its way, or was refused, is no empty one
    if (state !== 'new' || messages.length > 0) setStore(openConversation(null));
    navigate('/');
  }, [store, navigate]);
  const askForKey = useCallback(() => setIsAskingForKey(true), []);
  return (
    <>
      <Shell
        side={(close) => (
          <Sidebar
            // what was searched for goes with the list of the caller before
            key={credential}
            list={threads}
            store={list}
            openThread={wanted}
            onNew={() => {
              startNew();
              close();
            }}
            onNavigate={close}
            onErased={(id) => id === latest.current && startNew()}
          />
        )}
      >
        {(menuButton) => (
          <ConversationScreen store={store} menuButton={menuButton} credential={credential} onKeyWanted={askForKey} />
        )}
      </Shell>
      {isAskingForKey && (
        <KeyDialog
          isOpen
          onClose={() => setIsAskingForKey(false)}
          onChange={() => {
            renew();
            setList(newThreadList());
            void askAgain(store);
          }}
        />
      )}
    </>
  );
}

/** @returns the id of the thread; null: it is not there yet */
function addressOf(store: ConversationStore): string | null {
  const { state, threadId } = store.getSnapshot();
  return state === 'new' ? null : threadId;
}

/** Reads a conversation with another key, and sends what the one before was not good enough for. */
async function askAgain(store: ConversationStore): Promise<void> {
  await store.reload();
  for (const { role, id, problem } of store.getSnapshot().messages) {
    if (role === 'user' && problem?.code === 'UNAUTHENTICATED') void store.retry(id);
  }
}
