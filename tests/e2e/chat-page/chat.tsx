import { useChat } from '@ai-sdk/react';
import * as ai from 'ai';
import { DefaultChatTransport, type UIMessage } from 'ai';
import { type FormEvent, useEffect, useRef } from 'react';

const version = import.meta.env.MODE;
/** Version 5 knows no approvals. */
const isVersion5 = version === 'ai-5';

interface ChatProps {
  readonly id: string;
  readonly pipeline: string;
  readonly stored: UIMessage[];
  /** loads what the service keeps of the chat, and begins anew with it */
  readonly reload: () => void;
}

export function Chat({ id, pipeline, stored, reload }: ChatProps) {
  const hasHalfAnAnswer = useRef(false);
  const transport = useRef<DefaultChatTransport<UIMessage>>(null);
  transport.current ??= new DefaultChatTransport({
    api: '/api/chat',
    body: { pipeline, ...(isVersion5 && { approvals: false }) },
    prepareReconnectToStreamRequest: ({ api, id }) => ({
      api: `${api}/${encodeURIComponent(id)}/stream${hasHalfAnAnswer.current ? '?startIndex=0' : ''}`,
    }),
  });
  const chat = useChat({
    id,
    messages: stored,
    resume: true,
    transport: transport.current,
    ...(!isVersion5 && { sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithApprovalResponses }),
  });
  const { messages, status, error } = chat;
  hasHalfAnAnswer.current = status === 'error';

  // versions 5 and 6 add a replay to the half answer that they have
  const reconnect = version === 'ai-7' ? () => void chat.resumeStream() : reload;
  const latest = useRef({ status, reconnect });
  latest.current = { status, reconnect };
  useEffect(() => {
    const online = () => latest.current.status === 'error' && latest.current.reconnect();
    addEventListener('online', online);
    return () => removeEventListener('online', online);
  }, []);

  const ask = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void chat.sendMessage({ text: String(new FormData(event.currentTarget).get('question')) });
    event.currentTarget.reset();
  };
  const stop = () => {
    void chat.stop(); // ends the connection alone
    void fetch(`/api/chat/${encodeURIComponent(id)}/stop`, { method: 'POST' }); // ends the answer
  };

  return (
    <main data-status={status}>
      <ol>
        {messages.map((message) => (
          <li key={message.id} data-role={message.role}>
            {message.parts.map((part, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: parts have no ids, and keep their order
              <Part key={index} part={part} approve={chat.addToolApprovalResponse} />
            ))}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={ask}>
        <label>
          Your question <input name="question" />
        </label>
        <button type="submit">Ask</button>
        <button type="button" onClick={stop}>
          Stop
        </button>
        <button type="button" onClick={() => void chat.regenerate()}>
          Again
        </button>
      </form>
    </main>
  );
}

interface PartProps {
  readonly part: UIMessage['parts'][number];
  readonly approve: (response: { id: string; approved: boolean }) => unknown;
}

function Part({ part, approve }: PartProps) {
  if (part.type === 'text') return <span>{part.text}</span>;
  if (part.type !== 'tool-mail' || !('state' in part)) return null;
  if (part.state === 'output-available') return <em>{String(part.output)}</em>;
  if (part.state !== 'approval-requested') return null;
  return (
    <button type="button" onClick={() => void approve({ id: part.approval.id, approved: true })}>
      Approve the mail to {(part.input as { to: string }).to}
    </button>
  );
}
