import type { ReactNode } from 'react';
import { sentenceOf } from './api.ts';

/** A figure with its name. */
export function Tile({ name, children, hint }: { name: string; children: ReactNode; hint?: string }) {
  return (
    <div className="tile">
      <dt>{name}</dt>
      <dd>
        {children}
        {hint !== undefined && <span className="tile-hint">{hint}</span>}
      </dd>
    </div>
  );
}

interface TableProps {
  readonly label: string;
  readonly columns: readonly string[];
  readonly children: ReactNode;
  readonly empty: string | null;
}

/** A table that scrolls sideways where there is little room, by keyboard, too.
 *  @param empty said when there are no rows; null: there are */
export function Table({ label, columns, children, empty }: TableProps) {
  if (empty !== null) return <p className="soft">{empty}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section className="table-scroll" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

/** Why something could not be read.
 *  @param error null: it could */
export function Problem({ error }: { error: unknown }) {
  if (error === null) return null;
  return (
    <p className="notice" role="alert">
      {sentenceOf(error)}
    </p>
  );
}

/** What came of an action, read out by assistive technology. */
export function Outcome({ children }: { children: string | null }) {
  return (
    <p className="outcome" role="status">
      {children}
    </p>
  );
}
