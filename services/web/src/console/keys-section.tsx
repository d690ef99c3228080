import { type FormEvent, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog, Dialog } from '../ui/dialog.tsx';
import { get, request } from './api.ts';
import { time } from './format.ts';
import { Outcome, Problem, Table } from './parts.tsx';
import { useAction } from './use-action.ts';
import { useRead } from './use-read.ts';
import type { KeyView, Page } from './views.ts';

/** Keys that were made at run time: lists, makes and deletes them. */
export function KeysSection({ onChange }: { readonly onChange: () => void }) {
  const { value: keys, error, readAgain } = useRead(allKeys);
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const [doomed, setDoomed] = useState<KeyView | null>(null);
  const { run, outcome } = useAction();
  const changed = () => {
    readAgain();
    onChange();
  };
  const remove = ({ id, name }: KeyView) =>
    run(async () => {
      await request(`/keys/${id}`, { method: 'DELETE' });
      changed();
      return `The key ${name ?? id.slice(0, 8)} is deleted.`;
    });
  return (
    <section>
      <div className="section-head">
        <h2>Keys</h2>
        <Button onClick={() => setMaking(true)}>Make a key</Button>
      </div>
      <Outcome>{outcome}</Outcome>
      <Problem error={error} />
      {(keys !== null || error === null) && (
        <Table
          label="Keys"
          columns={['Key', 'Tenant', 'Role', 'Made', 'Last used', 'Action']}
          empty={keys === null ? 'Looking…' : keys.length === 0 ? 'No key was made at run time.' : null}
        >
          {keys?.map((key) => (
            <tr key={key.id}>
              <th scope="row">{key.name ?? key.id.slice(0, 8)}</th>
              <td>{key.tenant}</td>
              <td>{key.role}</td>
              <td>{time(key.createdAt)}</td>
              <td>{time(key.lastUsedAt)}</td>
              <td>
                <Button aria-label={`Delete the key ${key.name ?? key.id.slice(0, 8)}`} onClick={() => setDoomed(key)}>
                  Delete
                </Button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {isMaking && (
        <MakeKey
          onClose={() => setMaking(false)}
          onMade={(key) => {
            setMade(key);
            changed();
          }}
        />
      )}
      <Dialog title="The new key" isOpen={made !== null} onClose={() => setMade(null)}>
        <p>It is shown this once. Whoever has it may do what its role may.</p>
        <code className="secret">{made}</code>
        <div className="dialog-actions">
          <Button kind="primary" onClick={() => setMade(null)}>
            Done
          </Button>
        </div>
      </Dialog>
      <ConfirmDialog
        title="Delete the key?"
        action="Delete"
        isOpen={doomed !== null}
        onClose={() => setDoomed(null)}
        onConfirm={() => doomed !== null && void remove(doomed)}
      >
        It holds on no node after two seconds, and the streams that it opened end.
      </ConfirmDialog>
    </section>
  );
}

async function allKeys(signal: AbortSignal): Promise<readonly KeyView[]> {
  return (await get<Page<KeyView>>('/keys', signal)).items;
}

function MakeKey({ onClose, onMade }: { onClose: () => void; onMade: (key: string) => void }) {
  const [tenant, setTenant] = useState('');
  const [role, setRole] = useState('user');
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const make = async (event: FormEvent) => {
    event.preventDefault();
    const json = { tenant: tenant.trim(), role, ...(name.trim() === '' ? {} : { name: name.trim() }) };
    try {
      const { key } = (await (await request('/keys', { method: 'POST', json })).json()) as { key: string };
      onClose();
      onMade(key);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <Dialog title="Make a key" isOpen onClose={onClose}>
      <form className="form" onSubmit={(event) => void make(event)}>
        <label className="field">
          <span className="field-label">Tenant</span>
          <input className="input" required value={tenant} onChange={(event) => setTenant(event.target.value)} />
        </label>
        <label className="field">
          <span className="field-label">Role</span>
          <select className="input" value={role} onChange={(event) => setRole(event.target.value)}>
            <option>user</option>
            <option>manager</option>
            <option>admin</option>
          </select>
        </label>
        <label className="field">
          <span className="field-label">Name</span>
          <input className="input" maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        {problem !== null && (
          <p className="notice" role="alert">
            {problem}
          </p>
        )}
        <div className="dialog-actions">
          <Button onClick={onClose}>Back</Button>
          <Button type="submit" kind="primary">
            Make the key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
