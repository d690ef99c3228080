import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { request } from './api.ts';
import type { JobSummary, Revealed } from './views.ts';

/** Shows what a job said to somebody who gives a reason for the audit log. */
export function JobContent({ job: { id, tenant } }: { readonly job: JobSummary }) {
  const [isAsking, setAsking] = useState(false);
  const [reason, setReason] = useState('');
  const [revealed, setRevealed] = useState<Revealed | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const read = async (after: string | null) => {
    const path = `/console/jobs/${encodeURIComponent(id)}/content?tenant=${encodeURIComponent(tenant)}`;
    try {
      const json = after === null ? { reason } : { reason, after };
      const next = (await (await request(path, { method: 'POST', json })).json()) as Revealed;
      setRevealed((before) => ({ ...next, items: [...(after === null ? [] : (before?.items ?? [])), ...next.items] }));
      setProblem(null);
      setAsking(false);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const ask = (event: FormEvent) => {
    event.preventDefault();
    void read(null);
  };
  return (
    <>
      <Button onClick={() => setAsking(true)}>Show the content</Button>
      <Dialog title="Show the content" isOpen={isAsking} onClose={() => setAsking(false)}>
        <form className="form" onSubmit={ask}>
          <label className="field">
            <span className="field-label">Reason</span>
            <input
              className="input"
              required
              minLength={3}
              maxLength={200}
              value={reason}
              onChange={(event) => setReason(event.target.value)}
            />
            <span className="field-hint">It goes into the audit log, with the job and your credential.</span>
          </label>
          {problem !== null && (
            <p className="notice" role="alert">
              {problem}
            </p>
          )}
          <div className="dialog-actions">
            <Button onClick={() => setAsking(false)}>Back</Button>
            <Button type="submit" kind="primary">
              Show
            </Button>
          </div>
        </form>
      </Dialog>
      {revealed !== null && (
        <section className="content" aria-label="Content">
          <ol>
            {revealed.items.map(({ id: event, type, data }) => (
              <li key={event}>
                <code>
                  {event} {type}
                </code>
                <pre>{JSON.stringify(data, null, 1)}</pre>
              </li>
            ))}
          </ol>
          {revealed.nextCursor !== null && <Button onClick={() => void read(revealed.nextCursor)}>Show more</Button>}
        </section>
      )}
    </>
  );
}
