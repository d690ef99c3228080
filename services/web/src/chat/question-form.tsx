import type { Interrupt } from '@millrace/client';
import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { ActionForm } from './action-form.tsx';
import { actionsOf, typedAnswer } from './decisions.ts';
import { JsonTree } from './json-tree.tsx';
import { withVisibleControls } from './markdown/visible-controls.ts';

interface QuestionFormProps {
  readonly questions: readonly Interrupt[];
  readonly onAnswer: (value: unknown) => Promise<boolean>;
}

/** What an agent asks a person. It waits for as long as it takes; a new message drops the question. */
export function QuestionForms({ questions, onAnswer }: QuestionFormProps) {
  const [isSending, setIsSending] = useState(false);
  const answer = async (interruptId: string, value: unknown) => {
    setIsSending(true);
    try {
      // a bare value is for an agent that asks one thing alone
      await onAnswer(questions.length === 1 ? value : { [interruptId]: value });
    } finally {
      setIsSending(false);
    }
  };
  return questions.map(({ interruptId, value }) => (
    <section key={interruptId} className="question-form" aria-label="The agent asks">
      <fieldset disabled={isSending}>
        <Question value={value} onAnswer={(said) => void answer(interruptId, said)} />
      </fieldset>
    </section>
  ));
}

interface QuestionProps {
  readonly value: unknown;
  readonly onAnswer: (value: unknown) => void;
}

function Question({ value, onAnswer }: QuestionProps) {
  const actions = actionsOf(value);
  if (actions !== null) return <ActionForm actions={actions} onAnswer={onAnswer} />;
  return <OpenQuestion value={value} onAnswer={onAnswer} />;
}

/** A question of any form: yes, no, or any words or JSON. */
function OpenQuestion({ value, onAnswer }: QuestionProps) {
  const [text, setText] = useState('');
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== '') onAnswer(typedAnswer(text.trim()));
  };
  return (
    <form className="question-fields" onSubmit={send}>
      <div className="question-value">
        {typeof value === 'string' ? <p>{withVisibleControls(value)}</p> : <JsonTree value={value} />}
      </div>
      <div className="question-actions">
        <Button kind="primary" onClick={() => onAnswer(true)}>
          Approve
        </Button>
        <Button onClick={() => onAnswer(false)}>Reject</Button>
      </div>
      <label className="field">
        <span className="field-label">Or answer in words, or in JSON</span>
        <textarea className="input" rows={2} value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      <div className="question-actions">
        <Button type="submit" disabled={text.trim() === ''}>
          Answer
        </Button>
      </div>
    </form>
  );
}
