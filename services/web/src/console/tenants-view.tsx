import { useState } from 'react';
import { Button } from '../ui/button.tsx';
import { get } from './api.ts';
import { count } from './format.ts';
import { KeysSection } from './keys-section.tsx';
import { LimitsDialog } from './limits-dialog.tsx';
import { Outcome, Problem, Table } from './parts.tsx';
import { useAction } from './use-action.ts';
import { useRead } from './use-read.ts';
import { LIMITS, type LimitName, type Page, type TenantRow } from './views.ts';

/** Tenants: what they may use, use, and have used; limits and keys. */
export function TenantsView({ permissions }: { readonly permissions: readonly string[] }) {
  const { value: rows, error, setValue: setRows, readAgain } = useRead(allTenants);
  const [edited, setEdited] = useState<TenantRow | null>(null);
  const { run, outcome } = useAction();
  const maySet = permissions.includes('limits:set');
  return (
    <main className="console-main">
      <h1>Tenants</h1>
      <Outcome>{outcome}</Outcome>
      <Problem error={error} />
      {(rows !== null || error === null) && (
        <Table
          label="Tenants"
          columns={['Tenant', ...LIMITS.map(([, label]) => label), 'Tokens today', 'Cost today', 'Keys', 'Action']}
          empty={rows === null ? 'Looking…' : null}
        >
          {rows?.map((row) => (
            <tr key={row.tenant}>
              <th scope="row">{row.tenant}</th>
              {LIMITS.map(([name]) => (
                <Use key={name} row={row} name={name} />
              ))}
              <td>{count(row.today.inputTokens + row.today.outputTokens)}</td>
              <td>{row.today.cost === undefined ? '–' : row.today.cost.toFixed(4)}</td>
              <td>{row.keys}</td>
              <td>
                {maySet && (
                  <Button aria-label={`Edit the limits of ${row.tenant}`} onClick={() => setEdited(row)}>
                    Limits
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {edited !== null && (
        <LimitsDialog
          row={edited}
          onClose={() => setEdited(null)}
          run={run}
          onSet={(limits, overrides) =>
            // the answer has them already; a node that is asked next may follow a second later
            setRows((before) =>
              (before ?? []).map((row) => (row.tenant === edited.tenant ? { ...row, limits, overrides } : row)),
            )
          }
        />
      )}
      {permissions.includes('keys:manage') && <KeysSection onChange={readAgain} />}
    </main>
  );
}

/** Use and limit; an alarm from nine tenths on. */
function Use({ row, name }: { row: TenantRow; name: LimitName }) {
  const [use, limit] = [row.use[name], row.limits[name]];
  const isNear = limit !== null && use >= 0.9 * limit;
  return (
    <td data-alarm={isNear || undefined}>
      {count(use)} <span className="soft">of {limit === null ? '∞' : count(limit)}</span>
      {row.overrides.includes(name) && <span className="visually-hidden"> (set by an admin)</span>}
    </td>
  );
}

async function allTenants(signal: AbortSignal): Promise<TenantRow[]> {
  const rows: TenantRow[] = [];
  let cursor: string | null = '';
  // a bound: a page of thousands helps nobody
  for (let pages = 0; cursor !== null && pages < 10; pages += 1) {
    const page: Page<TenantRow> = await get(`/console/tenants?limit=100&cursor=${encodeURIComponent(cursor)}`, signal);
    rows.push(...page.items);
    cursor = page.nextCursor;
  }
  return rows;
}
