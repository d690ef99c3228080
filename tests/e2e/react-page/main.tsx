import { Millrace } from '@millrace/client';
import { MillraceProvider, useJob, useThread, useThreads } from '@millrace/client/react';
import { type FormEvent, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';

const settings = new URLSearchParams(location.search);
const client = new Millrace({ retryMs: 50, maxRetryMs: 500 });

function Conversation({ threadId, onSent }: { threadId: string | undefined; onSent: (threadId: string) => void }) {
  const { messages, activity, state, title, threadId: id, send, stop } = useThread(threadId);
  const ask = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void send(String(new FormData(event.currentTarget).get('question'))).then((isSent) => isSent && onSent(id));
    event.currentTarget.reset();
  };
  return (
    <main data-state={state} data-activity={activity} data-thread={id}>
      <h1>{title}</h1>
      <ol>
        {messages.map(({ id: key, role, parts }) => (
          <li key={key}>{`${role}: ${parts.map((part) => (part.type === 'text' ? part.text : '')).join('')}`}</li>
        ))}
      </ol>
      <form onSubmit={ask}>
        <label>
          Your question <input name="question" />
        </label>
        <button type="button" onClick={() => void stop()}>
          Stop
        </button>
      </form>
    </main>
  );
}

/** A second component that shows the same thread. */
function Count({ threadId }: { threadId: string }) {
  return <output>{useThread(threadId).messages.length}</output>;
}

function Job({ id }: { id: string }) {
  const { answer, state } = useJob(id);
  const words = answer.parts.map((part) => (part.type === 'text' ? part.text : ''));
  return <p data-state={state} data-status={answer.status}>{`job: ${words.join('')}`}</p>;
}

function List() {
  const { threads, state, searchFor } = useThreads();
  return (
    <nav data-state={state}>
      <button type="button" onClick={() => void searchFor('blue')}>
        Search
      </button>
      {threads.map(({ id, metadata }) => (
        <span key={id}>{metadata['title']}</span>
      ))}
    </nav>
  );
}

function App() {
  const [threadId, setThreadId] = useState(settings.get('thread') ?? undefined);
  const [isShown, setShown] = useState(true);
  const job = settings.get('job');
  if (job !== null) return <Job id={job} />;
  return (
    <>
      <button type="button" onClick={() => setShown(!isShown)}>
        {isShown ? 'Hide' : 'Show'}
      </button>
      {isShown && <Conversation threadId={threadId} onSent={setThreadId} />}
      {isShown && threadId !== undefined && <Count threadId={threadId} />}
      {settings.has('list') && <List />}
    </>
  );
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <MillraceProvider client={client}>
      <App />
    </MillraceProvider>
  </StrictMode>,
);
