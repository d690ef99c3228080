import { Millrace } from '@millrace/client';
import { useRef, useState, useSyncExternalStore } from 'react';
import { Announcer } from './announcer.tsx';
import { apiKey } from './api-key.ts';
import { ConnectionNotice } from './connection-notice.tsx';
import { Failure } from './failure.tsx';
import { useFollowEnd } from './follow-end.ts';
import { MessageList } from './message-list.tsx';
import { PageMenu } from './page-menu.tsx';
import { connections } from './service.ts';
import { titleOf } from './sidebar.tsx';
import { openConversation } from './stores.ts';

/** A conversation that somebody shared: one can watch it, and nothing else. The token stands behind the `#`. */
export function WatchPage({ id }: { readonly id: string }) {
  const [store] = useState(() => openConversation(id, serviceOf(location.hash.slice(1))));
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot);
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  useFollowEnd(scroller, content);
  const { state, title, messages, connection, problem } = snapshot;
  return (
    <main className="chat">
      <header className="chat-head">
        <img src="/favicon.svg" alt="Millrace" width="26" height="26" />
        <h1 className="chat-title">{titleOf({ metadata: title === null ? {} : { title } })}</h1>
        <span className="badge">Watching</span>
        <PageMenu />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="chat-scroller" ref={scroller} tabIndex={0} aria-label="What was said">
        <div className="chat-column" ref={content}>
          {state === 'loading' && <p className="status">Loading…</p>}
          {(state === 'gone' || problem?.code === 'UNAUTHENTICATED' || problem?.code === 'FORBIDDEN') && (
            <p className="notice" data-kind="danger" role="alert">
              This link has expired, was revoked, or leads nowhere. Ask for a new one.
            </p>
          )}
          {problem !== null && problem.code !== 'UNAUTHENTICATED' && problem.code !== 'FORBIDDEN' && (
            <Failure problem={problem} />
          )}
          <MessageList messages={messages} actions={null} isBusy={false} scroller={scroller} />
        </div>
      </section>
      <div className="chat-foot">
        <div className="chat-foot-column">
          <ConnectionNotice connection={connection} />
        </div>
      </div>
      <Announcer messages={messages} />
    </main>
  );
}

/** @param token empty: the key of this tab is used */
function serviceOf(token: string): Millrace {
  return new Millrace({ apiKey: token === '' ? apiKey : token, fetch: connections.fetch });
}
