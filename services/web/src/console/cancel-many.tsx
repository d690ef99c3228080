import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { request } from './api.ts';
import type { RunAction } from './use-action.ts';

/** Asks which jobs to cancel, and cancels them. */
export function CancelMany({ onClose, run }: { onClose: () => void; run: RunAction }) {
  const [status, setStatus] = useState('queued');
  const [tenant, setTenant] = useState('');
  const [pipeline, setPipeline] = useState('');
  const cancel = (event: FormEvent) => {
    event.preventDefault();
    const query = new URLSearchParams({ status });
    if (tenant.trim() !== '') query.set('tenant', tenant.trim());
    if (pipeline.trim() !== '') query.set('pipeline', pipeline.trim());
    onClose();
    void run(async () => {
      const answer = await request(`/jobs?${query}`, { method: 'DELETE' });
      const { cancelled } = (await answer.json()) as { cancelled: number };
      return `${cancelled} ${cancelled === 1 ? 'job is' : 'jobs are'} cancelled.`;
    });
  };
  return (
    <Dialog title="Cancel many jobs" isOpen onClose={onClose}>
      <form className="form" onSubmit={cancel}>
        <label className="field">
          <span className="field-label">Status</span>
          <select className="input" value={status} onChange={(event) => setStatus(event.target.value)}>
            <option value="queued">queued</option>
            <option value="active">running</option>
          </select>
        </label>
        <label className="field">
          <span className="field-label">Tenant</span>
          <input className="input" value={tenant} onChange={(event) => setTenant(event.target.value)} />
          <span className="field-hint">Empty: of all tenants.</span>
        </label>
        <label className="field">
          <span className="field-label">Pipeline</span>
          <input className="input" value={pipeline} onChange={(event) => setPipeline(event.target.value)} />
          <span className="field-hint">Empty: of all pipelines.</span>
        </label>
        <div className="dialog-actions">
          <Button onClick={onClose}>Back</Button>
          <Button type="submit" kind="danger">
            Cancel these jobs
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
