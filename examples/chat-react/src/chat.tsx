import { type UsedThread, useThread } from '@millrace/client/react';
import { type FormEvent, useEffect } from 'react';

/** Of the address, so that the chat can be reloaded and shared; none: a new chat. */
const shared = location.hash.slice(1) || undefined;

export function Chat() {
  const { threadId, state, messages, activity, problem, send, stop, retry } = useThread(shared);

  useEffect(() => {
    // also when it has gone on in a fork, as after "Try again"
    if (state !== 'new') history.replaceState(null, '', `#${threadId}`);
  }, [state, threadId]);

  function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const question = String(new FormData(event.currentTarget).get('question')).trim();
    if (question === '' || activity !== 'idle') return;
    void send(question);
    event.currentTarget.reset();
  }

  const last = messages.at(-1);
  const wrong = last?.problem ?? problem;
  return (
    <main>
      <ol>
        {messages.map((message) => (
          <li key={message.id} className={message.role}>
            {textOf(message)}
          </li>
        ))}
      </ol>
      {wrong && (
        <p role="alert">
          {wrong.message}{' '}
          {last?.problem && (
            <button type="button" onClick={() => void retry(last.id)}>
              Try again
            </button>
          )}
        </p>
      )}
      <form onSubmit={ask}>
        <input name="question" aria-label="Your question" placeholder="Ask anything" autoComplete="off" />
        {activity === 'idle' ? (
          <button type="submit">Ask</button>
        ) : (
          <button type="button" onClick={() => void stop()}>
            Stop
          </button>
        )}
      </form>
    </main>
  );
}

function textOf({ parts }: UsedThread['messages'][number]): string {
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}
