import type { SseEvent } from '../http/read-sse.ts';
import { compareIds, endsAmong, LOG_LOST, partsOf, textAfter, textById } from '../http/sse-history.ts';
import type { Offence } from './offence.ts';

/** What one reader of the stream has seen, over all its connections. */
export interface Seen {
  readonly name: string;
  readonly events: readonly SseEvent[];
  /** statuses of refused resumptions, 0 when there was no answer; not judged when left out */
  readonly refusals?: readonly number[];
  /** it left on purpose before the end */
  readonly left?: boolean;
}

export interface ReaderRules {
  /** The test made Redis lose data: readers may be told so and start again. Otherwise that counts as lost. */
  readonly logMayBeLost?: boolean;
  /** what the model generated, by attempt, the last attempt last: the final text is all of the last one; before a lost
   *  log, the text is the beginning of any of them. Not judged when left out */
  readonly generated?: readonly string[];
}

// no answer, or unavailable: a client tries again
const MAY_REFUSE = new Set([0, 503]);

/** Judges what one reader has seen: the log from its beginning, without gap or repeat, in order, up to the end or to
 *  where the reader left.
 *  @param log at the end of the test; its texts may be merged */
export function judgeReader(
  { name, events, refusals = [], left = false }: Seen,
  log: readonly SseEvent[],
  { logMayBeLost = false, generated }: ReaderRules = {},
): Offence[] {
  const histories = historiesIn(events);
  const last = histories.at(-1) ?? [];
  const before = histories.slice(0, -1);
  const offences = histories.flatMap((history) => judgeIds(name, history));
  if (!logMayBeLost) offences.push(...before.map((): Offence => ({ defect: 'lost', what: `${name}: the log` })));
  for (const history of before) offences.push(...judgeLostHistory(name, history, generated));
  offences.push(
    ...judgeFacts(name, last, log, logMayBeLost ? lossIn(last) : 0),
    ...judgeTexts(name, last, log),
    ...judgeEnd(name, last, left),
  );
  if (generated !== undefined) offences.push(...judgeGenerated(name, textAfter(last), generated.at(-1) ?? ''));
  const refused = refusals.filter((status) => !MAY_REFUSE.has(status));
  if (refused.length > 0) offences.push({ defect: 'lost', what: `${name}: refused with ${refused.join(', ')}` });
  return offences;
}

/** Splits where the log was lost: the `reset` itself is in no log. */
function historiesIn(events: readonly SseEvent[]): SseEvent[][] {
  const histories: SseEvent[][] = [[]];
  for (const event of events) {
    if (event.event === 'reset' && event.id === LOG_LOST) histories.push([]);
    else histories.at(-1)?.push(event);
  }
  return histories;
}

function judgeIds(name: string, events: readonly SseEvent[]): Offence[] {
  const offences: Offence[] = [];
  const seen = new Set<string>();
  let top = '0-0';
  for (const { id = '' } of events) {
    if (seen.has(id)) offences.push({ defect: 'repeated', what: `${name}: ${id} came again` });
    else if (compareIds(id, top) < 0) offences.push({ defect: 'reordered', what: `${name}: ${id} came after ${top}` });
    seen.add(id);
    top = id;
  }
  return offences;
}

/** @returns the place of the stored `reset` that tells of the last loss: the log may lack what readers received before it */
function lossIn(events: readonly SseEvent[]): number {
  return events.findLastIndex(({ event, data }) => event === 'reset' && data.reason === 'log-lost');
}

/** All events except text, which may be split differently.
 *  @param lossAt the log may lack events before this place */
function judgeFacts(name: string, events: readonly SseEvent[], log: readonly SseEvent[], lossAt: number): Offence[] {
  const offences: Offence[] = [];
  const truth = new Map(log.map((entry) => [entry.id, entry]));
  const lastTexts = lastTextSeqs(log);
  for (const [place, { id = '', event, data }] of events.entries()) {
    const entry = truth.get(id);
    if (entry === undefined) {
      if (place < lossAt) continue;
      // a log from the API has only the last id of each run of texts
      const [attempt, seq] = partsOf(id);
      if (event === 'message' && seq < (lastTexts.get(attempt) ?? 0)) continue;
      offences.push({ defect: 'zombie', what: `${name}: ${id} ${event} is not in the log` });
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

/** @returns the seq of the last text of each attempt */
function lastTextSeqs(log: readonly SseEvent[]): Map<number, number> {
  return new Map(log.filter(({ event }) => event === 'message').map(({ id }) => partsOf(id)));
}

function judgeTexts(name: string, events: readonly SseEvent[], log: readonly SseEvent[]): Offence[] {
  const truth = textById(log);
  for (const [id, text] of textById(events)) {
    const expected = truth.get(id);
    if (expected === undefined || expected === text) continue;
    const longer = text.length - expected.length;
    const defect = longer < 0 ? 'lost' : longer > 0 ? 'repeated' : 'reordered';
    // what follows is wrong for the same reason
    return [
      { defect, what: `${name}: at ${id} the text has ${text.length} characters, in the log ${expected.length}` },
    ];
  }
  return [];
}

function judgeEnd(name: string, events: readonly SseEvent[], left: boolean): Offence[] {
  const ends = endsAmong(events);
  if (ends.length === 0) return left ? [] : [{ defect: 'hung', what: `${name}: no end` }];
  if (ends.length === 1 && ends[0] === events.at(-1)) return [];
  return [{ defect: 'double-ended', what: `${name}: ${events.at(-1)?.id} came after an end` }];
}

/** Judges what a reader received before it was told that the log is lost: no end, and the beginning of an answer. */
function judgeLostHistory(name: string, events: readonly SseEvent[], generated?: readonly string[]): Offence[] {
  const offences: Offence[] = [];
  if (endsAmong(events).length > 0) offences.push({ defect: 'double-ended', what: `${name}: went on after its end` });
  const text = textAfter(events);
  if (generated !== undefined && !generated.some((answer) => answer.startsWith(text))) {
    offences.push({ defect: 'zombie', what: `${name}: the model never generated ${JSON.stringify(text)}` });
  }
  return offences;
}

function judgeGenerated(name: string, text: string, generated: string): Offence[] {
  if (text === generated) return [];
  const defect = generated.startsWith(text) ? 'lost' : 'zombie';
  return [
    { defect, what: `${name}: the text is ${JSON.stringify(text)}, the model generated ${JSON.stringify(generated)}` },
  ];
}
