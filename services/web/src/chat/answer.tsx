import type { AnswerPart } from '@millrace/client';
import type { AssistantMessage } from '@millrace/client/conversation';
import { memo } from 'react';
import { JsonTree, parsedJson } from './json-tree.tsx';
import { RichText } from './markdown/rich-text.tsx';
import { Reasoning } from './reasoning.tsx';
import { ToolView } from './tool-view.tsx';
import { cancelledSentence, resetSentence } from './wording.ts';

/** Everything that one job said, and how it stands. */
export function Answer({ message }: { readonly message: AssistantMessage }) {
  const { parts, status, output, restarts } = message;
  const isOpen = status === 'queued' || status === 'active';
  return (
    <div className="answer" aria-busy={isOpen} data-status={status}>
      {parts.map((part, index) => (
        <Part
          // biome-ignore lint/suspicious/noArrayIndexKey: parts have no ids, and keep their order
          key={index}
          part={part}
          isOpen={isOpen}
          isStreaming={isOpen && index === parts.length - 1}
        />
      ))}
      {output !== null && output !== undefined && (
        <section className="output" aria-label="Output">
          <JsonTree value={output} />
        </section>
      )}
      <p className="status">{isOpen ? waitingFor(message) : ended(message)}</p>
      {restarts.length > 0 && (
        <ul className="notes">
          {restarts.map((restart) => (
            <li key={restart.attempt}>{resetSentence(restart)}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

interface PartProps {
  readonly part: AnswerPart;
  /** the answer is still being made */
  readonly isOpen: boolean;
  /** and this part of it */
  readonly isStreaming: boolean;
}

const Part = memo(function Part({ part, isOpen, isStreaming }: PartProps) {
  switch (part.type) {
    case 'text':
      return <Text text={part.text} isStreaming={isStreaming} />;
    case 'reasoning':
      return <Reasoning text={part.text} isStreaming={isStreaming} />;
    case 'tool':
      return <ToolView part={part} isOpen={isOpen} />;
    case 'custom':
      return (
        <details className="fold">
          <summary>{part.name ?? 'Progress'}</summary>
          <div className="fold-body">
            <JsonTree value={part.data} />
          </div>
        </details>
      );
  }
});

/** An answer that is JSON as a whole, as with a response format, is shown as the tree that it is. */
function Text({ text, isStreaming }: { readonly text: string; readonly isStreaming: boolean }) {
  const json = isStreaming ? undefined : parsedJson(text);
  if (json !== undefined) return <JsonTree value={json} />;
  return <RichText text={text} isStreaming={isStreaming} />;
}

function waitingFor({ status, parts, queuePosition, model }: AssistantMessage): string {
  if (status === 'queued')
    return queuePosition === null ? 'Waiting for a worker…' : `Number ${queuePosition} in the queue…`;
  const last = parts.at(-1);
  if (last === undefined) return `${model ?? 'The model'} is thinking…`;
  return last.type === 'tool' && last.state === 'called' ? `Waiting for ${last.name}…` : '';
}

function ended({ status, cancelledBy, parts, output, questions, finishReason }: AssistantMessage): string {
  if (status === 'cancelled') return cancelledSentence(cancelledBy);
  const isSilent = parts.length === 0 && (output ?? null) === null && questions.length === 0;
  return status === 'completed' && isSilent ? `The model said nothing (${finishReason ?? 'no reason given'}).` : '';
}
