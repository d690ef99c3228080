import type { SseEvent } from '../http/read-sse.ts';
import { compareIds, endsAmong, partsOf } from '../http/sse-history.ts';
import type { Offence } from './offence.ts';

/** Judges a job's log alone, every entry as Redis holds it: each event in its place, and one terminal event, last. */
export function judgeLog(log: readonly SseEvent[]): Offence[] {
  const offences = judgeOrder(log);
  const ends = endsAmong(log);
  if (ends.length === 0) offences.push({ defect: 'hung', what: 'the log has no end' });
  if (ends.length > 1 || (ends.length === 1 && ends[0] !== log.at(-1))) {
    const last = log.slice(-3).map(({ id, event }) => `${id} ${event}`);
    offences.push({ defect: 'double-ended', what: `the log ends with ${last.join(', ')}` });
  }
  return offences;
}

function judgeOrder(log: readonly SseEvent[]): Offence[] {
  const offences: Offence[] = [];
  if (log.length > 0 && log[0]?.id !== '0-1') offences.push({ defect: 'lost', what: `the log begins ${log[0]?.id}` });
  for (const [index, { id = '' }] of log.entries()) {
    const before = log[index - 1]?.id;
    if (before === undefined) continue;
    const [attempt, seq] = partsOf(id);
    const [lastAttempt, lastSeq] = partsOf(before);
    const follows = attempt === lastAttempt ? seq === lastSeq + 1 : attempt === lastAttempt + 1 && seq === 1;
    if (follows) continue;
    const defect = compareIds(before, id) < 0 ? 'lost' : 'reordered';
    offences.push({ defect, what: `the log has ${id} after ${before}` });
  }
  return offences;
}
