import { useEffect, useState } from 'react';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

const SHOWN_MS = 1500;

interface CopyButtonProps {
  readonly text: string;
  readonly label: string;
}

/** Copies a text, and says so. Without a clipboard, as on plain HTTP, it says that, too. */
export function CopyButton({ text, label }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (outcome === null) return;
    const timer = setTimeout(() => setOutcome(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setOutcome('copied');
    } catch {
      // no permission, or no clipboard at all
      setOutcome('failed');
    }
  };
  const said = outcome === null ? label : { copied: 'Copied', failed: 'Cannot copy here' }[outcome];
  return (
    <Button kind="quiet" shape="icon" aria-label={said} title={said} onClick={() => void copy()}>
      <Icon name={outcome === 'copied' ? 'check' : 'copy'} />
    </Button>
  );
}
