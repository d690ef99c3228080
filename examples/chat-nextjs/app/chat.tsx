'use client';

import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport, type UIMessage } from 'ai';
import { type FormEvent, useEffect, useRef, useState } from 'react';

const RECONNECT_MS = 1_000;

interface ChatProps {
  readonly id: string;
  readonly stored: UIMessage[];
  /** the address of Millrace's `/api/chat`: the browser talks to it without a backend between */
  readonly api: string;
  /** for this chat alone */
  readonly token: string;
}

export function Chat({ id, stored, api, token }: ChatProps) {
  const headers = { authorization: `Bearer ${token}` };
  const isBroken = useRef(false);
  const [transport] = useState(
    () =>
      new DefaultChatTransport({
        api,
        headers,
        prepareReconnectToStreamRequest: ({ api, id }) => ({
          // with half an answer: all of it, even if it has ended meanwhile
          api: `${api}/${encodeURIComponent(id)}/stream${isBroken.current ? '?startIndex=0' : ''}`,
        }),
      }),
  );
  // `resume`: an answer that still runs comes back after a reload, and in every other tab
  const { messages, sendMessage, regenerate, resumeStream, stop, status, error } = useChat({
    id,
    messages: stored,
    resume: true,
    transport,
  });
  const isAnswering = status === 'submitted' || status === 'streaming';
  // with half an answer; a question that may never have arrived is not resumed, but can be asked again
  const lostConnection = error instanceof TypeError && messages.at(-1)?.role === 'assistant' ? error : undefined;

  useEffect(() => {
    isBroken.current = lostConnection !== undefined;
    if (lostConnection === undefined) return;
    const timer = setTimeout(() => void resumeStream(), RECONNECT_MS);
    return () => clearTimeout(timer);
  }, [lostConnection, resumeStream]);

  function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const question = String(new FormData(event.currentTarget).get('question')).trim();
    if (question === '' || isAnswering) return;
    void sendMessage({ text: question });
    event.currentTarget.reset();
  }

  function stopAnswer() {
    void stop(); // ends the connection alone
    void fetch(`${api}/${encodeURIComponent(id)}/stop`, { method: 'POST', headers }); // ends the answer, and the model's work
  }

  return (
    <main data-status={status}>
      <ol>
        {messages.map((message) => (
          <li key={message.id} className={message.role}>
            {message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')}
          </li>
        ))}
      </ol>
      {error && (
        <p role="alert">
          {error.message}{' '}
          <button type="button" onClick={() => void regenerate()}>
            Try again
          </button>
        </p>
      )}
      <form onSubmit={ask}>
        <input name="question" aria-label="Your question" placeholder="Ask anything" autoComplete="off" />
        {isAnswering ? (
          <button type="button" onClick={stopAnswer}>
            Stop
          </button>
        ) : (
          <button type="submit">Ask</button>
        )}
      </form>
    </main>
  );
}
