import { withVisibleControls } from './markdown/visible-controls.ts';

interface ReasoningProps {
  readonly text: string;
  readonly isStreaming: boolean;
}

/** What the model thought before it spoke, folded. */
export function Reasoning({ text, isStreaming }: ReasoningProps) {
  return (
    <details className="fold">
      <summary>{isStreaming ? 'Reasoning…' : 'Reasoning'}</summary>
      <div className="fold-body fold-prose">{withVisibleControls(text)}</div>
    </details>
  );
}
