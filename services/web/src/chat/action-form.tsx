import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { type ActionRequest, type Decision, type DecisionType, resumeOf } from './decisions.ts';
import { JsonTree } from './json-tree.tsx';
import { withVisibleControls } from './markdown/visible-controls.ts';

interface ActionFormProps {
  readonly actions: readonly ActionRequest[];
  readonly onAnswer: (value: unknown) => void;
}

/** What a person is about to decide of one action. */
interface Draft {
  readonly type: DecisionType;
  /** JSON text */
  readonly args: string;
  readonly message: string;
}

const LABELS: Readonly<Record<DecisionType, string>> = { approve: 'Approve', edit: 'Edit', reject: 'Reject' };

/** Actions that an agent wants a person's word for: each is approved, edited or rejected. */
export function ActionForm({ actions, onAnswer }: ActionFormProps) {
  const [drafts, setDrafts] = useState<readonly Draft[]>(() =>
    actions.map(({ args, allowed }) => ({
      type: allowed[0] ?? 'approve',
      args: JSON.stringify(args, null, 2),
      message: '',
    })),
  );
  const decisions = drafts.map(decisionOf);
  const send = (event: FormEvent) => {
    event.preventDefault();
    const made = decisions.filter((decision) => decision !== null);
    if (made.length === actions.length) onAnswer(resumeOf(actions, made));
  };
  return (
    <form className="question-fields" onSubmit={send}>
      {actions.map((action, index) => (
        <ActionFields
          // biome-ignore lint/suspicious/noArrayIndexKey: an agent may ask for the same action twice
          key={index}
          name={`decision-${index}`}
          action={action}
          draft={drafts[index] ?? { type: 'approve', args: '{}', message: '' }}
          isValid={decisions[index] !== null}
          onChange={(change) => setDrafts(drafts.with(index, change))}
        />
      ))}
      <div className="question-actions">
        <Button type="submit" kind="primary" disabled={decisions.includes(null)}>
          Send decision
        </Button>
      </div>
    </form>
  );
}

interface ActionFieldsProps {
  /** of the group of radio buttons */
  readonly name: string;
  readonly action: ActionRequest;
  readonly draft: Draft;
  readonly isValid: boolean;
  readonly onChange: (draft: Draft) => void;
}

function ActionFields({ name, action, draft, isValid, onChange }: ActionFieldsProps) {
  return (
    <fieldset className="action-fields">
      <legend>
        The agent wants to call <code>{withVisibleControls(action.name)}</code>
      </legend>
      {action.description !== null && <p className="field-hint">{withVisibleControls(action.description)}</p>}
      {draft.type !== 'edit' && <JsonTree value={action.args} />}
      <div className="choices">
        {action.allowed.map((type) => (
          <label key={type}>
            <input
              type="radio"
              name={name}
              checked={draft.type === type}
              onChange={() => onChange({ ...draft, type })}
            />
            {LABELS[type]}
          </label>
        ))}
      </div>
      {draft.type === 'edit' && (
        <label className="field">
          <span className="field-label">Arguments</span>
          <textarea
            className="input code-input"
            rows={Math.min(12, draft.args.split('\n').length + 1)}
            value={draft.args}
            spellCheck={false}
            aria-invalid={!isValid}
            onChange={(event) => onChange({ ...draft, args: event.target.value })}
          />
          {!isValid && <span className="field-error">This is not a JSON object.</span>}
        </label>
      )}
      {draft.type === 'reject' && (
        <label className="field">
          <span className="field-label">Why not? The agent is told so.</span>
          <textarea
            className="input"
            rows={2}
            value={draft.message}
            onChange={(event) => onChange({ ...draft, message: event.target.value })}
          />
        </label>
      )}
    </fieldset>
  );
}

/** @returns null while the arguments are no JSON object */
function decisionOf({ type, args, message }: Draft): Decision | null {
  if (type === 'approve') return { type };
  if (type === 'reject') return { type, message: message.trim() === '' ? 'Rejected.' : message.trim() };
  try {
    const parsed: unknown = JSON.parse(args);
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? { type, args: parsed as Record<string, unknown> } : null;
  } catch {
    return null;
  }
}
