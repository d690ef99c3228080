import type { SseEvent } from '@millrace/testing';
import { textById } from './watcher.ts';

const TERMINAL = new Set(['done', 'error', 'cancelled']);

/** What one watcher has seen, beside the log as it is read at the end and what the model said. */
export interface Testimony {
  readonly name: string;
  readonly seen: readonly SseEvent[];
  readonly log: readonly SseEvent[];
  readonly said: string;
}

/** Every way in which a watcher's events are not the job's one history: lost, repeated, reordered, ended twice.
 *  @returns one line for each; none when all is well */
export function faultsIn({ name, seen, log, said }: Testimony): string[] {
  const faults: string[] = [];
  const ids = seen.map(({ id }) => id ?? '');
  for (const [index, id] of ids.entries()) {
    const before = ids[index - 1];
    if (before !== undefined && order(before, id) >= 0) faults.push(`${name}: ${id} came after ${before}`);
  }
  const ends = seen.filter(({ event }) => TERMINAL.has(event)).length;
  const last = seen.at(-1);
  if (ends !== 1 || !TERMINAL.has(last?.event ?? '')) faults.push(`${name}: ${ends} ends, the last is ${last?.event}`);
  if (told(seen) !== told(log)) faults.push(`${name}: saw ${told(seen)}, the log holds ${told(log)}`);

  const truth = textById(log);
  for (const [id, text] of textById(seen)) {
    const expected = truth.get(id);
    if (expected !== undefined && expected !== text) {
      faults.push(`${name}: at ${id} the text has ${text.length} characters, the log's ${expected.length}`);
      break;
    }
  }
  const whole = [...textById(seen).values()].at(-1) ?? '';
  if (whole !== said) faults.push(`${name}: the text is ${JSON.stringify(whole)}, said was ${JSON.stringify(said)}`);
  return faults;
}

/** All but the text, of which the parts may differ. */
function told(events: readonly SseEvent[]): string {
  return events
    .filter(({ event }) => event !== 'message')
    .map(({ id, event, data }) => `${id} ${event} ${JSON.stringify(data)}`)
    .join('\n');
}

/** @returns negative, zero or positive, as for sorting */
function order(one: string, other: string): number {
  const [attempt = 0, seq = 0] = one.split('-').map(Number);
  const [otherAttempt = 0, otherSeq = 0] = other.split('-').map(Number);
  return attempt - otherAttempt || seq - otherSeq;
}
