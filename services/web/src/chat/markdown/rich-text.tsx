import { late } from '../../ui/late.tsx';

interface RichTextProps {
  readonly text: string;
  /** more of it is coming */
  readonly isStreaming: boolean;
}

const markdown = late<RichTextProps>(
  () => import('./markdown.tsx'),
  ({ text }) => <div className="markdown plain">{text}</div>,
);

/** What a model says; as plain text while the parser of Markdown is not there. */
export const RichText = markdown.Component;

/** Gets what parses Markdown and colours code while nothing else is to be done. It is no part of the first paint. */
export function preloadMarkdown(): void {
  const get = () =>
    void markdown
      .load()
      .then(() => import('./highlight.ts'))
      // without colours the code is still readable
      .catch(() => undefined);
  if ('requestIdleCallback' in window) requestIdleCallback(get, { timeout: 2000 });
  else setTimeout(get, 200);
}
