import { type ReactNode, startTransition, useEffect, useState } from 'react';
import { CopyButton } from '../../ui/copy-button.tsx';

/** Longer code stays without colours: colouring it would hold up the page. */
const MAX_COLOURED = 20_000;

interface CodeBlockProps {
  readonly code: string;
  /** as the model named it; empty: not at all */
  readonly language: string;
  /** more of it is coming */
  readonly isGrowing: boolean;
}

/** A block of code with its language and a button that copies it. It gets its colours once it is complete. */
export function CodeBlock({ code, language, isGrowing }: CodeBlockProps) {
  const coloured = useColoured(code, language, !isGrowing && code.length <= MAX_COLOURED);
  return (
    <figure className="code-block">
      <figcaption>
        <span>{language === '' ? 'text' : language}</span>
        <CopyButton text={code} label="Copy code" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre tabIndex={0} dir="ltr">
        <code>{coloured ?? code}</code>
      </pre>
    </figure>
  );
}

/** @returns null while there are no colours for this code */
function useColoured(code: string, language: string, isWanted: boolean): ReactNode {
  const [coloured, setColoured] = useState<{ readonly of: string; readonly node: ReactNode } | null>(null);
  useEffect(() => {
    if (!isWanted || language === '') return;
    let isGone = false;
    // without colours the code is still readable
    import('./highlight.ts').then(
      ({ highlight }) => {
        if (isGone) return;
        const node = highlight(code, language);
        startTransition(() => setColoured({ of: code, node }));
      },
      () => undefined,
    );
    return () => {
      isGone = true;
    };
  }, [code, language, isWanted]);
  return coloured?.of === code ? coloured.node : null;
}
