import type { AssistantMessage, ConversationMessage, UserMessage } from '@millrace/client/conversation';
import { memo, type RefObject, useState } from 'react';
import { Virtualizer } from 'virtua';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { Answer } from './answer.tsx';
import { Failure } from './failure.tsx';
import { QuestionText } from './question-text.tsx';
import { Summary } from './summary.tsx';

/** What a person can do with a message; absent where one may only watch. */
export interface MessageActions {
  readonly retry: (id: string) => void;
  readonly edit: (id: string, text: string) => void;
  readonly fork: (id: string) => void;
}

interface MessageListProps {
  readonly messages: readonly ConversationMessage[];
  readonly actions: MessageActions | null;
  /** an answer is being made */
  readonly isBusy: boolean;
  readonly scroller: RefObject<HTMLElement | null>;
}

/** A conversation. Only what is in sight is in the document, so that a long one costs no more than a short one. */
export function MessageList({ messages, actions, isBusy, scroller }: MessageListProps) {
  const last = messages.length - 1;
  return (
    <div role="log" aria-label="Conversation" aria-live="off">
      <Virtualizer scrollRef={scroller} as="ol" item="li" keepMounted={last < 0 ? [] : [last]} bufferSize={800}>
        {messages.map((message) =>
          message.role === 'assistant' ? (
            <AnswerItem key={message.id} message={message} actions={isBusy ? null : actions} />
          ) : (
            <QuestionItem key={message.id} message={message} actions={isBusy ? null : actions} />
          ),
        )}
      </Virtualizer>
    </div>
  );
}

interface ItemProps<T> {
  readonly message: T;
  readonly actions: MessageActions | null;
}

const QuestionItem = memo(function QuestionItem({ message, actions }: ItemProps<UserMessage>) {
  const [isEdited, setIsEdited] = useState(false);
  const { id, parts, state, problem } = message;
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
  if (isEdited && actions !== null) {
    const send = (changed: string) => {
      setIsEdited(false);
      if (changed.trim() !== '') actions.edit(id, changed.trim());
    };
    return <EditForm text={text} onSend={send} onCancel={() => setIsEdited(false)} />;
  }
  return (
    <article className="exchange-question" aria-label="Question">
      <div className="question-row reveals">
        {actions !== null && state === 'sent' && (
          <Button
            kind="quiet"
            shape="icon"
            className="reveal"
            aria-label="Edit and resend"
            title="Edit and resend"
            onClick={() => setIsEdited(true)}
          >
            <Icon name="edit" />
          </Button>
        )}
        <QuestionText parts={parts} />
      </div>
      {state === 'waiting' && <p className="status">Not sent yet: waiting for a connection…</p>}
      {problem !== null && (
        <Failure problem={problem}>
          {actions !== null && (
            <Button onClick={() => actions.retry(id)}>
              <Icon name="retry" /> Send again
            </Button>
          )}
        </Failure>
      )}
    </article>
  );
});

interface EditFormProps {
  readonly text: string;
  readonly onSend: (text: string) => void;
  readonly onCancel: () => void;
}

function EditForm({ text, onSend, onCancel }: EditFormProps) {
  const [changed, setChanged] = useState(text);
  return (
    <form
      className="edit-form"
      onSubmit={(event) => {
        event.preventDefault();
        onSend(changed);
      }}
    >
      <label className="field">
        <span className="visually-hidden">Your changed question</span>
        <textarea
          className="input"
          rows={3}
          value={changed}
          // biome-ignore lint/a11y/noAutofocus: the button that opened this is gone
          autoFocus
          onChange={(event) => setChanged(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') {
              event.stopPropagation();
              onCancel();
            }
          }}
        />
      </label>
      <p className="field-hint">The conversation goes on in a new one; this one stays as it is.</p>
      <div className="dialog-actions">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" kind="primary" disabled={changed.trim() === ''}>
          Send
        </Button>
      </div>
    </form>
  );
}

const AnswerItem = memo(function AnswerItem({ message, actions }: ItemProps<AssistantMessage>) {
  const { id, problem, status, jobId, parts } = message;
  const isEnded = status !== 'queued' && status !== 'active';
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
  const retry = actions !== null && (
    <Button onClick={() => actions.retry(id)}>
      <Icon name="retry" /> Ask again
    </Button>
  );
  return (
    <article className="exchange-answer" aria-label="Answer" data-status={status}>
      <Answer message={message} />
      {problem !== null && <Failure problem={problem}>{retry}</Failure>}
      {isEnded && (
        <footer className="message-foot">
          <Summary message={message} />
          <div className="message-actions">
            {text !== '' && <CopyButton text={text} label="Copy answer" />}
            {actions !== null && (
              <>
                <Button
                  kind="quiet"
                  shape="icon"
                  aria-label="Ask again"
                  title="Ask again"
                  onClick={() => actions.retry(id)}
                >
                  <Icon name="retry" />
                </Button>
                <Button
                  kind="quiet"
                  shape="icon"
                  aria-label="Go on from here in a new conversation"
                  title="Go on from here in a new conversation"
                  onClick={() => actions.fork(id)}
                >
                  <Icon name="fork" />
                </Button>
              </>
            )}
            {jobId !== null && (
              <span className="request-id">
                Request <code>{jobId}</code>
              </span>
            )}
          </div>
        </footer>
      )}
    </article>
  );
});
