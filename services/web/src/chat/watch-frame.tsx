import type { ConversationSnapshot } from '@millrace/client/conversation';
import { type ReactNode, useRef } from 'react';
import { Announcer } from './announcer.tsx';
import { ConnectionNotice } from './connection-notice.tsx';
import { Failure } from './failure.tsx';
import { useFollowEnd } from './follow-end.ts';
import { MessageList } from './message-list.tsx';
import { PageMenu } from './page-menu.tsx';

interface WatchFrameProps extends Pick<ConversationSnapshot, 'state' | 'messages' | 'connection' | 'problem'> {
  readonly title: string;
  /** buttons that help against the problem */
  readonly children?: ReactNode;
}

/** What somebody may watch, and do nothing else with. */
export function WatchFrame({ title, state, messages, connection, problem, children }: WatchFrameProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  useFollowEnd(scroller, content);
  const isRefused = problem?.code === 'UNAUTHENTICATED' || problem?.code === 'FORBIDDEN';
  const leadsNowhere = state === 'gone' || isRefused;
  return (
    <main className="chat">
      <header className="chat-head">
        <img src="/favicon.svg" alt="Millrace" width="26" height="26" />
        <h1 className="chat-title">{title}</h1>
        <span className="badge">Watching</span>
        <PageMenu />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="chat-scroller" ref={scroller} tabIndex={0} aria-label="What was said">
        <div className="chat-column" ref={content}>
          {state === 'loading' && <p className="status">Loading…</p>}
          {leadsNowhere && (
            <div className="notice failure" data-kind="danger" role="alert">
              <p>This link has expired, was revoked, or leads nowhere. Ask for a new one.</p>
              {children !== undefined && <div className="failure-actions">{children}</div>}
            </div>
          )}
          {problem !== null && !leadsNowhere && <Failure problem={problem} />}
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
