import type { MillraceError } from '@millrace/client';
import { useState } from 'react';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Select } from '../ui/select.tsx';
import { millrace } from './service.ts';
import { errorSentence } from './wording.ts';

const HOURS = [
  { value: '1', label: '1 hour' },
  { value: '8', label: '8 hours' },
  { value: '24', label: '1 day' },
] as const;

interface ShareDialogProps {
  readonly threadId: string;
  readonly onClose: () => void;
}

/** Makes a link with which anybody can watch one conversation, live, and do nothing else. Its token stands behind the `#`, which
 *  browsers do not send: no log of a server has it. */
export function ShareDialog({ threadId, onClose }: ShareDialogProps) {
  const [hours, setHours] = useState<(typeof HOURS)[number]['value']>('8');
  const [made, setMade] = useState<{ readonly link: string; readonly id: string; readonly expiresAt: string } | null>(
    null,
  );
  const [failure, setFailure] = useState<string | null>(null);
  const attempt = async (work: () => Promise<void>) => {
    setFailure(null);
    try {
      await work();
    } catch (error) {
      const requestId = (error as Partial<MillraceError>).requestId;
      setFailure(`${errorSentence(error)}${requestId ? ` (Request ${requestId})` : ''}`);
    }
  };
  const make = () =>
    attempt(async () => {
      const asked = { threads: [threadId], may: ['watch'], expiresInSeconds: Number(hours) * 3600 } as const;
      const { id, token, expiresAt } = await millrace.tokens.create(asked);
      setMade({ id, expiresAt, link: `${location.origin}/watch/${encodeURIComponent(threadId)}#${token}` });
    });
  const revoke = (id: string) =>
    attempt(async () => {
      await millrace.tokens.revoke(id);
      setMade(null);
    });
  return (
    <Dialog title="Share this conversation" isOpen onClose={onClose}>
      <p>
        Whoever has the link can watch what is said here, also what is said later, until it expires. They cannot take
        part.
      </p>
      {failure !== null && (
        <p className="notice" data-kind="danger" role="alert">
          {failure}
        </p>
      )}
      {made === null ? (
        <div className="dialog-actions">
          <Select label="Valid for" value={hours} choices={HOURS} onChange={setHours} />
          <Button kind="primary" onClick={() => void make()}>
            Make a link
          </Button>
        </div>
      ) : (
        <>
          <div className="share-link">
            <input
              className="input"
              aria-label="Link"
              readOnly
              value={made.link}
              onFocus={(event) => event.target.select()}
            />
            <CopyButton text={made.link} label="Copy link" />
          </div>
          <p className="field-hint">Valid until {new Date(made.expiresAt).toLocaleString()}.</p>
          <div className="dialog-actions">
            <Button onClick={() => void revoke(made.id)}>Revoke</Button>
            <Button kind="primary" onClick={onClose}>
              Done
            </Button>
          </div>
        </>
      )}
    </Dialog>
  );
}
