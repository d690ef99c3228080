import { useCallback, useState } from 'react';

/** Runs an action, which gives its outcome in words. */
export type RunAction = (action: () => Promise<string>) => Promise<void>;

/** Runs what a person asks for, and keeps what came of it for them to read.
 *  @returns how to run it, and the outcome in words */
export function useAction(): {
  readonly run: RunAction;
  readonly outcome: string | null;
} {
  const [outcome, setOutcome] = useState<string | null>(null);
  const run = useCallback(async (action: () => Promise<string>) => {
    setOutcome(null);
    try {
      setOutcome(await action());
    } catch (error) {
      setOutcome(error instanceof Error ? error.message : String(error));
    }
  }, []);
  return { run, outcome };
}
