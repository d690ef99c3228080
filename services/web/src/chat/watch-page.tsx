import { Millrace } from '@millrace/client';
import { type ConversationStore, createJobStore, type JobStore } from '@millrace/client/conversation';
import { useState, useSyncExternalStore } from 'react';
import { Button } from '../ui/button.tsx';
import { apiKey } from './api-key.ts';
import { KeyDialog } from './key-dialog.tsx';
import { connections } from './service.ts';
import { titleOf } from './sidebar.tsx';
import { openConversation } from './stores.ts';
import { WatchFrame } from './watch-frame.tsx';
import { isForJob } from './watch-token.ts';

/** What somebody shared: one can watch it, and nothing else. The token says whether the id is that of a conversation or of a
 *  single job. */
export function WatchPage({ id, token }: WatchedProps) {
  return isForJob(token, id) ? <WatchedJob id={id} token={token} /> : <WatchedConversation id={id} token={token} />;
}

/** A link of an earlier version to a job: its id alone, behind the `#`. The key of this tab opens it. */
export function OldWatchPage({ id }: { readonly id: string }) {
  const [isAskingForKey, setIsAskingForKey] = useState(false);
  const [credential, setCredential] = useState(0);
  return (
    <>
      <WatchedJob key={credential} id={id} token="" onKeyWanted={() => setIsAskingForKey(true)} />
      {isAskingForKey && (
        <KeyDialog
          isOpen
          onClose={() => setIsAskingForKey(false)}
          onChange={() => setCredential((count) => count + 1)}
        />
      )}
    </>
  );
}

interface WatchedProps {
  readonly id: string;
  /** empty: the key of this tab is used */
  readonly token: string;
}

function WatchedConversation({ id, token }: WatchedProps) {
  const [store] = useState<ConversationStore>(() => openConversation(id, serviceOf(token)));
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot);
  const { title } = snapshot;
  return <WatchFrame {...snapshot} title={titleOf({ metadata: title === null ? {} : { title } })} />;
}

function WatchedJob({ id, token, onKeyWanted }: WatchedProps & { readonly onKeyWanted?: () => void }) {
  const [store] = useState<JobStore>(() => createJobStore(serviceOf(token), id));
  const { state, answer, connection, problem } = useSyncExternalStore(store.subscribe, store.getSnapshot);
  return (
    <WatchFrame
      {...{ state, connection, problem }}
      title="An answer"
      messages={state === 'ready' || answer.parts.length > 0 ? [answer] : []}
    >
      {onKeyWanted !== undefined && <Button onClick={onKeyWanted}>Enter a key</Button>}
    </WatchFrame>
  );
}

function serviceOf(token: string): Millrace {
  return new Millrace({ apiKey: token === '' ? apiKey : token, fetch: connections.fetch });
}
