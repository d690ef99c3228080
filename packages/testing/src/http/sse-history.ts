import { isTerminal } from '@millrace/contracts';
import type { SseEvent } from './read-sse.ts';

/** The id of the `reset` sent when Redis has lost the log: events after it start from the beginning. */
export const LOG_LOST = '0-0';

/** The terminal events among them. */
export function endsAmong(events: readonly SseEvent[]): SseEvent[] {
  return events.filter(({ event }) => isTerminal(event));
}

/** The whole text after each event, by event id. Two readers that have the same id agree on the text, even if one of
 *  them received several deltas merged into one. */
export function textById(events: readonly SseEvent[]): Map<string, string> {
  const texts = new Map<string, string>();
  let text = '';
  for (const { id, event, data } of events) {
    if (event === 'message') text += data.text;
    if (event === 'reset') text = '';
    texts.set(id ?? '', text);
  }
  return texts;
}

/** The text that a client which obeys `reset` shows after these events. */
export function textAfter(events: readonly SseEvent[]): string {
  return [...textById(events).values()].at(-1) ?? '';
}

/** Compares event ids, for sorting: negative, zero or positive. */
export function compareIds(one: string, other: string): number {
  const [attempt, seq] = partsOf(one);
  const [otherAttempt, otherSeq] = partsOf(other);
  return attempt - otherAttempt || seq - otherSeq;
}

/** The attempt and the seq of an event id. */
export function partsOf(id: string | undefined): [attempt: number, seq: number] {
  const [attempt = 0, seq = 0] = (id ?? '').split('-').map(Number);
  return [attempt, seq];
}
