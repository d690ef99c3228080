import type { ContentPart } from '@millrace/client';
import type {
  AssistantMessage,
  ConversationProblem,
  ConversationSnapshot,
  ConversationStore,
} from '@millrace/client/conversation';
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useLocation } from 'wouter';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { Announcer } from './announcer.tsx';
import { type Choice, choiceOf, optionsOf, Pickers, useOffer } from './choices.tsx';
import { Composer } from './composer.tsx';
import { ConnectionNotice } from './connection-notice.tsx';
import { DemonstrationPanel } from './demonstration-panel.tsx';
import { Failure } from './failure.tsx';
import { useFollowEnd } from './follow-end.ts';
import { type MessageActions, MessageList } from './message-list.tsx';
import { PageMenu } from './page-menu.tsx';
import { QuestionForms } from './question-form.tsx';
import { ShareDialog } from './share-dialog.tsx';
import { titleOf } from './sidebar.tsx';
import { Welcome } from './welcome.tsx';

interface ConversationScreenProps {
  readonly store: ConversationStore;
  readonly menuButton: ReactNode;
  /** changes with the credential of this tab */
  readonly credential: number;
  readonly onKeyWanted: () => void;
}

/** One conversation: what was said, and the box to say more. */
export function ConversationScreen({ store, menuButton, credential, onKeyWanted }: ConversationScreenProps) {
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot);
  const { state, messages, activity, questions, connection, problem, threadId } = snapshot;
  const isBusy = activity !== 'idle';
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLTextAreaElement>(null);
  const toEnd = useFollowEnd(scroller, content);
  const [picked, setPicked] = useState<Choice | null>(null);
  const choice = picked ?? choiceOf(messages);
  const [isSharing, setIsSharing] = useState(false);
  const offer = useOffer(credential, problem ?? messages.at(-1)?.problem ?? null);
  const actions = useActions(store);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another conversation begins at its end, with the focus on the question
  useEffect(() => {
    setPicked(null);
    toEnd();
    input.current?.focus();
  }, [store, toEnd]);
  useKeyWanted(snapshot, onKeyWanted);
  useEscape(isBusy, () => void store.stop());

  const send = (said: string | readonly ContentPart[]) => {
    toEnd();
    void store.send(said, optionsOf(choice));
  };
  const stop = () => {
    void store.stop();
    // the button is gone with the answer
    input.current?.focus();
  };
  return (
    <main className="chat">
      <header className="chat-head">
        {menuButton}
        <h1 className="chat-title">{state === 'new' ? 'New conversation' : titleOf({ metadata: titled(snapshot) })}</h1>
        {state === 'ready' && (
          <Button kind="quiet" onClick={() => setIsSharing(true)}>
            <Icon name="share" /> Share
          </Button>
        )}
        <PageMenu onKey={onKeyWanted} />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="chat-scroller" ref={scroller} tabIndex={0} aria-label="What was said">
        <div className="chat-column" ref={content}>
          {state === 'new' && messages.length === 0 && <Welcome onAsk={send} />}
          {state === 'loading' && messages.length === 0 && <p className="status">Loading…</p>}
          {state === 'gone' && (
            <p className="notice" data-kind="danger" role="alert">
              There is no such conversation here, or it is not yours.
            </p>
          )}
          <MessageList messages={messages} actions={actions} isBusy={isBusy} scroller={scroller} />
          {questions.length > 0 && !isBusy && (
            <QuestionForms questions={questions} onAnswer={(value) => store.resume(value)} />
          )}
          {problem !== null && (
            <Failure problem={problem}>
              {state === 'failed' && <Button onClick={() => void store.reload()}>Load again</Button>}
              {problem.code === 'UNAUTHENTICATED' && <Button onClick={onKeyWanted}>Enter a key</Button>}
              {state !== 'failed' && <Button onClick={() => store.dismiss()}>Dismiss</Button>}
            </Failure>
          )}
        </div>
      </section>
      <div className="chat-foot">
        <div className="chat-foot-column">
          <ConnectionNotice connection={connection} />
          {(isBusy || state !== 'new') && (
            <div className="demonstration">{isBusy && <DemonstrationPanel answer={openAnswer(messages)} />}</div>
          )}
          <Composer input={input} isBusy={isBusy} onSend={send} onStop={stop}>
            <Pickers offer={offer} choice={choice} onChange={setPicked} />
          </Composer>
        </div>
      </div>
      <Announcer messages={messages} />
      {isSharing && <ShareDialog threadId={threadId} onClose={() => setIsSharing(false)} />}
    </main>
  );
}

/** What can be done with messages. */
function useActions(store: ConversationStore): MessageActions {
  const [, navigate] = useLocation();
  const shown = useRef<ConversationStore | null>(null);
  useEffect(() => {
    shown.current = store;
    return () => {
      shown.current = null;
    };
  }, [store]);
  return useMemo(
    () => ({
      retry: (id) => void store.retry(id),
      edit: (id, text) => void store.edit(id, text),
      fork: (id) =>
        void store.fork(id).then((forked) => {
          // whoever has left the conversation meanwhile stays where they are
          if (forked !== null && shown.current === store) navigate(`/c/${encodeURIComponent(forked)}`);
        }),
    }),
    [store, navigate],
  );
}

/** Asks for a key once for each refusal: what is still refused while a new key is tried must not ask again. */
function useKeyWanted({ problem, messages }: ConversationSnapshot, onKeyWanted: () => void): void {
  const known = useRef(new WeakSet<ConversationProblem>());
  const ofLast = messages.at(-1)?.problem ?? null;
  useEffect(() => {
    let isWanted = false;
    for (const one of [problem, ofLast]) {
      if (one?.code !== 'UNAUTHENTICATED' || known.current.has(one)) continue;
      known.current.add(one);
      isWanted = true;
    }
    if (isWanted) onKeyWanted();
  }, [problem, ofLast, onKeyWanted]);
}

function useEscape(isActive: boolean, work: () => void): void {
  const latest = useRef(work);
  latest.current = work;
  const onKeyDown = useCallback((event: KeyboardEvent) => {
    // a dialog or a menu that is open takes the key itself
    if (event.key === 'Escape' && !event.defaultPrevented && document.querySelector('.dialog, .popup') === null) {
      latest.current();
    }
  }, []);
  useEffect(() => {
    if (!isActive) return;
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [isActive, onKeyDown]);
}

function openAnswer(messages: ConversationSnapshot['messages']): AssistantMessage | undefined {
  return messages.findLast((message) => message.role === 'assistant');
}

function titled({ title }: ConversationSnapshot): Readonly<Record<string, string>> {
  return title === null ? {} : { title };
}
