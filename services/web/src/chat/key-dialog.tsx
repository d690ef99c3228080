import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { apiKey, rememberApiKey } from './api-key.ts';

interface KeyDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  /** another key is there */
  readonly onChange: () => void;
}

/** Asks for the API key or JWT of this tab. */
export function KeyDialog({ isOpen, onClose, onChange }: KeyDialogProps) {
  const [key, setKey] = useState(apiKey() ?? '');
  const remember = (event: FormEvent) => {
    event.preventDefault();
    rememberApiKey(key.trim());
    onClose();
    onChange();
  };
  return (
    <Dialog title="API key" isOpen={isOpen} onClose={onClose}>
      <form className="question-fields" onSubmit={remember}>
        <label className="field">
          <span className="field-label">API key or JSON Web Token</span>
          <input
            className="input"
            type="password"
            spellCheck={false}
            autoComplete="off"
            value={key}
            onChange={(event) => setKey(event.target.value)}
          />
          <span className="field-hint">It is kept in this tab only, until you close it.</span>
        </label>
        <div className="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary">
            Use this key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
