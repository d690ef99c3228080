import { createHash } from 'node:crypto';
import type { Interrupt } from '@millrace/contracts';

/** The open questions of a thread. */
export interface ThreadQuestions {
  readonly interrupts: readonly Interrupt[];
  /** the agent that asked; null: not known */
  readonly pipeline: string | null;
  /** tells these questions from others that the thread may ask later */
  readonly digest: string;
}

type StoredQuestion = Interrupt & { readonly pipeline?: string };

/** @returns JSON as the thread's record has it: each question names who asks, and keeps that wherever it is copied to; '' for none */
export function storedQuestions(interrupts: readonly Interrupt[], pipeline: string | undefined): string {
  if (interrupts.length === 0) return '';
  return JSON.stringify(pipeline === undefined ? interrupts : interrupts.map((each) => ({ ...each, pipeline })));
}

export function parseQuestions(json: string): ThreadQuestions {
  const stored = JSON.parse(json) as StoredQuestion[];
  return {
    interrupts: stored.map(({ pipeline: _, ...interrupt }) => interrupt),
    pipeline: stored[0]?.pipeline ?? null,
    // as `redis.sha1hex` in lua/thread/enter.lua
    digest: createHash('sha1').update(json).digest('hex'),
  };
}
