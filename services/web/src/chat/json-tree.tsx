import { withVisibleControls } from './markdown/visible-controls.ts';

/** More entries of one level are counted, not shown. */
const MAX_ENTRIES = 200;
/** Deeper values are folded at first. */
const OPEN_LEVELS = 2;

interface JsonTreeProps {
  /** any JSON */
  readonly value: unknown;
  readonly level?: number;
}

/** A JSON value as a tree that can be folded. */
export function JsonTree({ value, level = 0 }: JsonTreeProps) {
  if (typeof value !== 'object' || value === null) return <Scalar value={value} />;
  const entries = Object.entries(value);
  const brackets = Array.isArray(value) ? '[ ]' : '{ }';
  if (entries.length === 0) return <span className="json-scalar">{brackets}</span>;
  return (
    <details className="json-tree" open={level < OPEN_LEVELS}>
      <summary>
        {Array.isArray(value) ? 'List' : 'Object'} of {entries.length}
      </summary>
      <ul>
        {entries.slice(0, MAX_ENTRIES).map(([name, inner]) => (
          <li key={name}>
            <span className="json-name">{withVisibleControls(name)}</span> <JsonTree value={inner} level={level + 1} />
          </li>
        ))}
        {entries.length > MAX_ENTRIES && <li>and {entries.length - MAX_ENTRIES} more</li>}
      </ul>
    </details>
  );
}

function Scalar({ value }: { readonly value: unknown }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return (
    <span className="json-scalar" data-type={value === null ? 'null' : typeof value}>
      {withVisibleControls(text ?? 'undefined')}
    </span>
  );
}

/** @returns undefined where the text is no JSON object or list */
export function parsedJson(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}
