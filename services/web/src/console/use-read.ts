import { type Dispatch, type SetStateAction, useEffect, useReducer, useState } from 'react';
import { isFinal } from './api.ts';

const RETRY_MS = 2_000;

export interface Read<T> {
  /** null: it could not be read yet */
  readonly value: T | null;
  /** why there is no value, or no newer one; null: all is well */
  readonly error: unknown;
  readonly setValue: Dispatch<SetStateAction<T | null>>;
  readonly readAgain: () => void;
}

/** Reads something once, or as often as it takes: a failure that may pass is tried again.
 *  @param read must stay the same */
export function useRead<T extends object>(read: (signal: AbortSignal) => Promise<T>): Read<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [turn, readAgain] = useReducer((count: number) => count + 1, 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each turn reads
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const work = async () => {
      while (!signal.aborted) {
        try {
          const answer = await read(signal);
          if (signal.aborted) return;
          setValue(answer);
          setError(null);
          return;
        } catch (failure) {
          if (signal.aborted) return;
          setError(failure);
          if (isFinal(failure)) return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    };
    void work();
    return () => leaving.abort();
  }, [read, turn]);
  return { value, error, setValue, readAgain };
}
