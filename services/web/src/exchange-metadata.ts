import type { JobView } from '@millrace/client';

/** One question and its answer. */
export interface Exchange {
  /** request id of the job that answers */
  readonly id: string;
  readonly question: string;
  /** request id of the exchange before; null: this is the first */
  readonly previous: string | null;
}

// what a metadata value, and all of them together, may hold: PROTOCOL.md §2
const VALUE_CHARS = 512;
const QUESTION_PARTS = 15;

/** What the job carries so that its id alone, in the URL of another tab, brings back the whole conversation: the
 *  question, in as many parts as it needs, and the exchange before. A question of more than 7,680 characters is shown
 *  shortened there. */
export function exchangeMetadata(question: string, previous: string | null): Record<string, string> {
  const metadata: Record<string, string> = previous === null ? {} : { previous };
  for (let part = 0; part < QUESTION_PARTS && part * VALUE_CHARS < question.length; part += 1) {
    metadata[`question${part}`] = question.slice(part * VALUE_CHARS, (part + 1) * VALUE_CHARS);
  }
  return metadata;
}

/** Reads a job as an exchange; one that another client made has no question to show. */
export function exchangeOf({ id, metadata }: Pick<JobView, 'id' | 'metadata'>): Exchange {
  let question = '';
  for (let part = 0; part < QUESTION_PARTS; part += 1) question += metadata[`question${part}`] ?? '';
  return { id, question, previous: metadata['previous'] ?? null };
}
