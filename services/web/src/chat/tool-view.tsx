import type { ToolPart } from '@millrace/client';
import { Icon } from '../ui/icon.tsx';
import { JsonTree, parsedJson } from './json-tree.tsx';
import { withVisibleControls } from './markdown/visible-controls.ts';

const STATES: Readonly<Record<ToolPart['state'], string>> = {
  writing: 'is being called…',
  called: 'is working…',
  answered: 'answered',
  failed: 'failed',
};

interface ToolViewProps {
  readonly part: ToolPart;
  /** the answer is still being made */
  readonly isOpen: boolean;
}

/** A call of a tool, folded: its name and how it stands, and inside what it was asked and what it answered. */
export function ToolView({ part, isOpen }: ToolViewProps) {
  return (
    <details className="fold" data-state={part.state}>
      <summary>
        <Icon name="tool" />
        <code>{part.name}</code> {isOpen || part.result !== null ? STATES[part.state] : 'was called'}
      </summary>
      <div className="fold-body">
        <h4>Asked</h4>
        <Value text={part.arguments} />
        {part.result !== null && (
          <>
            <h4>{part.state === 'failed' ? 'Failed with' : 'Answered'}</h4>
            <Value text={part.result} />
          </>
        )}
      </div>
    </details>
  );
}

function Value({ text }: { readonly text: string }) {
  const json = parsedJson(text);
  if (json !== undefined) return <JsonTree value={json} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <pre className="fold-text" tabIndex={0}>
      {withVisibleControls(text)}
    </pre>
  );
}
