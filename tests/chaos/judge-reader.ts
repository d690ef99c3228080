import type { SseEvent } from '@millrace/testing';
import { textById } from '../faults/watcher.ts';
import type { JobPlan } from './job-plan.ts';
import { endsAmong } from './judge-log.ts';
import { judgeText } from './judge-text.ts';
import { compareIds, type Offence } from './offence.ts';
import type { Read, Seen } from './testimony.ts';

// no answer at all, or unavailable: a client comes again
const MAY_REFUSE = new Set([0, 503]);
// of the reset that says that the log is another one now
const LOG_LOST = '0-0';

/** Judges what one reader has seen: the log from its beginning, without gap or repeat, in order, up to the end, or up to
 *  where it left. */
export function judgeSeen({ name, events, refusals, left }: Seen, log: readonly SseEvent[]): Offence[] {
  const offences = [...judgeIds(name, events), ...judgeFacts(name, events, log), ...judgeTexts(name, events, log)];
  const ends = endsAmong(events);
  if (ends.length === 0 && !left) offences.push({ defect: 'hung', what: `${name}: no end` });
  if (ends.length > 1 || (ends.length === 1 && ends[0] !== events.at(-1))) {
    offences.push({ defect: 'double-ended', what: `${name}: ${events.at(-1)?.id} came after an end` });
  }
  const refused = refusals.filter((status) => !MAY_REFUSE.has(status));
  if (refused.length > 0) offences.push({ defect: 'lost', what: `${name}: refused with ${refused.join(', ')}` });
  return offences;
}

/** Judges a reader of the bare text: where its body ended properly it is the whole answer. */
export function judgeRead({ text, clean }: Read, log: readonly SseEvent[], plan: JobPlan): Offence[] {
  if (!clean) return [];
  const done = log.at(-1)?.event === 'done';
  if (!done) return [{ defect: 'double-ended', what: `the bare text ended well, the log with ${log.at(-1)?.event}` }];
  const whole = [...textById(log).values()].at(-1) ?? '';
  if (text === whole) return [];
  const offences = judgeText('the bare text', text, plan, true);
  return offences.length > 0 ? offences : [{ defect: 'zombie', what: 'the bare text is not that of the log' }];
}

function judgeIds(name: string, events: readonly SseEvent[]): Offence[] {
  const offences: Offence[] = [];
  const seen = new Set<string>();
  let top = '0-0';
  for (const { id = '' } of events) {
    if (id === LOG_LOST) {
      // what follows is a replay from the beginning; that the log was lost is counted as such
      seen.clear();
      top = id;
      continue;
    }
    if (seen.has(id)) offences.push({ defect: 'repeated', what: `${name}: ${id} came again` });
    else if (compareIds(id, top) < 0) offences.push({ defect: 'reordered', what: `${name}: ${id} came after ${top}` });
    seen.add(id);
    top = id;
  }
  return offences;
}

/** All but the text, whose parts may differ. */
function judgeFacts(name: string, events: readonly SseEvent[], log: readonly SseEvent[]): Offence[] {
  const offences: Offence[] = [];
  const truth = new Map(log.map((entry) => [entry.id, entry]));
  for (const { id, event, data } of events) {
    const entry = truth.get(id);
    if (entry === undefined) {
      const defect = id === LOG_LOST ? 'lost' : 'zombie';
      offences.push({ defect, what: `${name}: ${id} ${event} is not in the log` });
    } else if (entry.event !== event || (event !== 'message' && JSON.stringify(entry.data) !== JSON.stringify(data))) {
      offences.push({ defect: 'double-ended', what: `${name}: ${id} is ${event}, in the log ${entry.event}` });
    }
  }
  const last = events.at(-1)?.id ?? '0-0';
  const seen = new Set(events.map(({ id }) => id));
  for (const { id = '', event } of log) {
    if (event === 'message' || seen.has(id) || compareIds(id, last) > 0) continue;
    offences.push({ defect: 'lost', what: `${name}: ${id} ${event} is missing` });
  }
  return offences;
}

function judgeTexts(name: string, events: readonly SseEvent[], log: readonly SseEvent[]): Offence[] {
  const truth = textById(log);
  for (const [id, text] of textById(events)) {
    const expected = truth.get(id);
    if (expected === undefined || expected === text) continue;
    const longer = text.length - expected.length;
    const defect = longer < 0 ? 'lost' : longer > 0 ? 'repeated' : 'reordered';
    // what follows is wrong by the same
    return [
      { defect, what: `${name}: at ${id} the text has ${text.length} characters, in the log ${expected.length}` },
    ];
  }
  return [];
}
