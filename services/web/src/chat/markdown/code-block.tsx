import { memo, type ReactNode, startTransition, useEffect, useState } from 'react';
import { CopyButton } from '../../ui/copy-button.tsx';

/** Longer code stays without colours: colouring it would hold up the page. */
const MAX_COLOURED = 20_000;
const LINES_OF_PART = 100;

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
        <code>{coloured ?? <PlainCode code={code} />}</code>
      </pre>
    </figure>
  );
}

/** Code without colours. Long code is laid out part by part, so that only its last part is laid out anew when it grows. */
function PlainCode({ code }: Pick<CodeBlockProps, 'code'>) {
  const lines = code.split('\n');
  if (lines.length <= LINES_OF_PART) return code;
  const parts = Array.from({ length: Math.ceil(lines.length / LINES_OF_PART) }, (_, nth) =>
    lines.slice(nth * LINES_OF_PART, (nth + 1) * LINES_OF_PART).join('\n'),
  );
  // biome-ignore lint/suspicious/noArrayIndexKey: parts keep their order
  return parts.map((part, nth) => <CodePart key={nth} text={part} />);
}

const CodePart = memo(function CodePart({ text }: { readonly text: string }) {
  // an empty line has its height, too
  return <span className="code-part">{text === '' ? '\n' : text}</span>;
});

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
