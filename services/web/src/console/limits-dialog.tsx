import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { request } from './api.ts';
import type { RunAction } from './use-action.ts';
import { LIMITS, type LimitName, type TenantRow } from './views.ts';

interface LimitsDialogProps {
  readonly row: TenantRow;
  readonly onClose: () => void;
  readonly onSet: (limits: TenantRow['limits'], overrides: readonly LimitName[]) => void;
  readonly run: RunAction;
}

/** Sets the limits of one tenant. */
export function LimitsDialog({ row, onClose, onSet, run }: LimitsDialogProps) {
  const set = row.overrides.map((name) => [name, row.limits[name] === null ? 'none' : String(row.limits[name])]);
  const [values, setValues] = useState<Readonly<Record<string, string>>>(Object.fromEntries(set));
  const save = (event: FormEvent) => {
    event.preventDefault();
    const given = Object.entries(values).filter(([, value]) => value.trim() !== '');
    const json = Object.fromEntries(
      given.map(([name, value]) => [name, value.trim() === 'none' ? null : Number(value)]),
    );
    onClose();
    void run(async () => {
      const answer = await request(`/tenants/${encodeURIComponent(row.tenant)}/limits`, { method: 'PUT', json });
      const { limits } = (await answer.json()) as Pick<TenantRow, 'limits'>;
      onSet(limits, Object.keys(json) as LimitName[]);
      return `The limits of ${row.tenant} are set.`;
    });
  };
  return (
    <Dialog title={`Limits of ${row.tenant}`} isOpen onClose={onClose}>
      <form className="form" onSubmit={save}>
        {LIMITS.map(([name, label]) => (
          <label key={name} className="field">
            <span className="field-label">{label}</span>
            <input
              className="input"
              pattern="none|[0-9]+"
              title="a number, none, or empty"
              value={values[name] ?? ''}
              onChange={(event) => setValues({ ...values, [name]: event.target.value })}
            />
          </label>
        ))}
        <p className="field-hint">Empty: as the settings say. “none”: no limit.</p>
        <div className="dialog-actions">
          <Button onClick={onClose}>Back</Button>
          <Button type="submit" kind="primary">
            Set the limits
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
