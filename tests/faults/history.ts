import type { SseEvent } from '@millrace/testing';
import { textById } from './watcher.ts';

const TERMINAL = new Set(['done', 'error', 'cancelled']);

/** What one watcher has seen, beside the log as it is read at the end and what the model said. */
export interface Testimony {
  readonly name: string;
  readonly seen: readonly SseEvent[];
  readonly log: readonly SseEvent[];
  /** in the last attempt */
  readonly said: string;
  /** in the attempts before */
  readonly saidBefore?: readonly string[];
}

/** Every way in which a watcher's events are not the job's one history: lost, repeated, reordered, ended twice.
 *  Where Redis lost a part of the log, and its readers were told so, they have a history before that and one after it.
 *  @returns one line for each; none when all is well */
export function faultsIn({ name, seen, log, said, saidBefore = [] }: Testimony): string[] {
  const histories = historiesOf(seen);
  const last = histories.at(-1) ?? [];
  const faults = histories.flatMap((events) => disorderIn(name, events));
  for (const events of histories.slice(0, -1)) {
    const text = wholeText(events);
    if (events.some(({ event }) => TERMINAL.has(event))) faults.push(`${name}: went on after its end`);
    if (![...saidBefore, said].some((words) => words.startsWith(text))) faults.push(`${name}: nobody said ${text}`);
  }
  const ends = last.filter(({ event }) => TERMINAL.has(event)).length;
  const end = last.at(-1)?.event;
  if (ends !== 1 || !TERMINAL.has(end ?? '')) faults.push(`${name}: ${ends} ends, the last is ${end}`);
  if (told(last) !== told(log)) faults.push(`${name}: saw ${told(last)}, the log holds ${told(log)}`);

  const truth = textById(log);
  for (const [id, text] of textById(last)) {
    const expected = truth.get(id);
    if (expected !== undefined && expected !== text) {
      faults.push(`${name}: at ${id} the text has ${text.length} characters, the log's ${expected.length}`);
      break;
    }
  }
  const whole = wholeText(last);
  if (whole !== said) faults.push(`${name}: the text is ${JSON.stringify(whole)}, said was ${JSON.stringify(said)}`);
  return faults;
}

/** Cuts where the log was lost: that `reset` is of no log, and the events after it begin afresh. */
function historiesOf(seen: readonly SseEvent[]): SseEvent[][] {
  const histories: SseEvent[][] = [[]];
  for (const event of seen) {
    if (event.event === 'reset' && event.id === '0-0') histories.push([]);
    else histories.at(-1)?.push(event);
  }
  return histories;
}

function disorderIn(name: string, events: readonly SseEvent[]): string[] {
  const faults: string[] = [];
  const ids = events.map(({ id }) => id ?? '');
  for (const [index, id] of ids.entries()) {
    const before = ids[index - 1];
    if (before !== undefined && order(before, id) >= 0) faults.push(`${name}: ${id} came after ${before}`);
  }
  return faults;
}

function wholeText(events: readonly SseEvent[]): string {
  return [...textById(events).values()].at(-1) ?? '';
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
