import { lazy, Suspense } from 'react';

const load = () => import('./markdown.tsx');
const Markdown = lazy(load);

/** Gets what parses Markdown and colours code while nothing else is to be done. It is no part of the first paint. */
export function preloadMarkdown(): void {
  // a failure shows where it is used
  const get = () =>
    void load()
      .then(() => import('./highlight.ts'))
      .catch(() => undefined);
  if ('requestIdleCallback' in window) requestIdleCallback(get, { timeout: 2000 });
  else setTimeout(get, 200);
}

interface RichTextProps {
  readonly text: string;
  /** more of it is coming */
  readonly isStreaming: boolean;
}

/** What a model says; as plain text until the parser of Markdown is there. */
export function RichText(props: RichTextProps) {
  return (
    <Suspense fallback={<div className="markdown plain">{props.text}</div>}>
      <Markdown {...props} />
    </Suspense>
  );
}
