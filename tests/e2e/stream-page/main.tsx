import { useStream } from '@langchain/react';
import type { FormEvent } from 'react';
import { createRoot } from 'react-dom/client';

const settings = new URLSearchParams(location.search);
const threadId = settings.get('thread') ?? crypto.randomUUID();
const assistantId = settings.get('assistant') ?? 'chat';

function Conversation() {
  const stream = useStream<{ messages: object[] }>({ apiUrl: `${location.origin}/langgraph`, assistantId, threadId });
  const { messages, interrupt, isLoading, isThreadLoading, error } = stream;
  const status = isThreadLoading ? 'opening' : isLoading ? 'streaming' : 'ready';

  const ask = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const content = String(new FormData(event.currentTarget).get('question'));
    void stream.submit({ messages: [{ type: 'human', content }] });
    event.currentTarget.reset();
  };
  // by its id: without one, the client knows the question only when the stream has told it again
  const approve = () => void stream.respond({ decisions: [{ type: 'approve' }] }, { interruptId: interrupt?.id ?? '' });

  return (
    <main data-status={status}>
      <ol>
        {messages.map((message) => (
          <li key={message.id} data-type={message.getType()}>
            {message.text}
          </li>
        ))}
      </ol>
      {error !== undefined && <p role="alert">{String(error)}</p>}
      {interrupt !== undefined && (
        <button type="button" onClick={approve}>
          Approve
        </button>
      )}
      <form onSubmit={ask}>
        <label>
          Your question <input name="question" />
        </label>
        <button type="submit">Ask</button>
        <button type="button" onClick={() => void stream.stop()}>
          Stop
        </button>
      </form>
    </main>
  );
}

createRoot(document.getElementById('root') as HTMLElement).render(<Conversation />);
