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

/** @returns JSON for the thread's record: each question names who asks, and keeps that wherever it is copied to; '' for none */
export function storedQuestions(interrupts: readonly Interrupt[], pipeline: string | undefined): string {
  if (interrupts.length === 0) return '';
  return JSON.stringify(pipeline === undefined ? interrupts : interrupts.map((each) => ({ ...each, pipeline })));
}

/** @param stored as the record has it: the JSON, or what it is sealed as */
export function parseQuestions(json: string, stored: string): ThreadQuestions {
  const questions = JSON.parse(json) as StoredQuestion[];
  return {
    interrupts: questions.map(({ pipeline: _, ...interrupt }) => interrupt),
    pipeline: questions[0]?.pipeline ?? null,
    // as `redis.sha1hex` in lua/thread/enter.lua
    digest: createHash('sha1').update(stored).digest('hex'),
  };
}
