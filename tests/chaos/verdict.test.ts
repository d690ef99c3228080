import { describe, expect, it } from '@jest/globals';
import { DEFECTS, type Defect, type SseEvent } from '@millrace/testing';
import { answerTo } from './answer.ts';
import type { JobPlan } from './job-plan.ts';
import type { Struck } from './strikes.ts';
import type { Ask, Read, Testimony, Watched } from './testimony.ts';
import { verdictOn } from './verdict.ts';

const PLAN: JobPlan = {
  index: 7,
  atMs: 0,
  tenant: 'red',
  identity: 'request id',
  form: 'stream',
  onDisconnect: 'continue',
  onCrash: 'restart',
  temper: 'speaks',
  tokens: 4,
  stepMs: 10,
  leavesMs: null,
  visits: [],
  repeatsMs: [],
  cancelsMs: null,
  delayMs: null,
  task: null,
  place: null,
};

/** What the model answers to a call, word by word. */
function words(call: number): string[] {
  return [...answerTo(PLAN, call)].filter((step) => typeof step === 'string');
}

function entry(id: string, event: string, data: object = {}): SseEvent {
  return { id, event, data, at: 0 };
}

function spoken(attempt: number, from: number, texts: readonly string[]): SseEvent[] {
  return texts.map((text, index) => entry(`${attempt}-${from + index}`, 'message', { text }));
}

const ACCEPTED = entry('0-1', 'accepted');
const STARTED = entry('1-1', 'started');
const TAKEN_OVER = [entry('2-1', 'reset'), entry('2-2', 'started')];

// one attempt, one answer
const PLAIN = [ACCEPTED, STARTED, ...spoken(1, 2, words(1)), entry('1-6', 'done')];
// a first attempt that was lost after two words, and a second one that completed
const RETAKEN = [...PLAIN.slice(0, 4), ...TAKEN_OVER, ...spoken(2, 3, words(2)), entry('2-7', 'done')];
// the third attempt has nothing to void: the second had said nothing
const TWICE_TAKEN = [entry('3-1', 'started'), ...spoken(3, 2, words(3)), entry('3-6', 'done')];
const CANCELLED = [...PLAIN.slice(0, 4), entry('1-4', 'cancelled', { by: 'owner' })];

const DELAYED: JobPlan = { ...PLAN, delayMs: 2_000 };
// from the request, see below
const DUE = performance.timeOrigin + 1_000 + 2_000;

function posted(status: number | null, more: Partial<Ask> = {}): Ask {
  return { what: 'POST', at: 1_000, answeredAt: 1_100, status, id: 'job', ...more };
}

const DELETED: Ask = { what: 'DELETE', at: 2_000, answeredAt: 2_100, status: 200, id: 'job', end: 'cancelled' };

function seenBy(events: readonly SseEvent[], more: Partial<Watched> = {}): Watched {
  return { name: 'watcher', events, refusals: [], connections: 1, left: false, ...more };
}

function forged(log: readonly SseEvent[], more: Partial<Testimony> = {}): Testimony {
  const known = { id: 'job', asks: [posted(200)], startedAt: 1_000, finishedAt: 3_000, isErased: false };
  return { plan: PLAN, ...known, seen: [seenBy(log)], read: [], log, ...more };
}

function without(log: readonly SseEvent[], ...indexes: number[]): SseEvent[] {
  return log.filter((_, index) => !indexes.includes(index));
}

/** What the verdict counts, without the zeros. */
function counted(testimony: Testimony, struck: readonly Struck[] = []): Partial<Record<Defect, number>> {
  const { counts } = verdictOn([testimony], struck);
  expect(Object.keys(counts)).toEqual([...DEFECTS]);
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

describe('the verdict', () => {
  const merged = [...PLAIN.slice(0, 2), entry('1-5', 'message', { text: words(1).join('') }), ...PLAIN.slice(6)];
  const stopped: Struck = { kind: 'Redis stopped', from: 900, until: 1_050, what: '' };
  const cut: Read = { text: words(1).slice(0, 2).join(''), clean: false };

  it.each<[string, Testimony, Struck[]]>([
    ['an answer', forged(PLAIN), []],
    ['a take-over', forged(RETAKEN), []],
    ['a take-over before the first word, after another', forged([...RETAKEN.slice(0, 6), ...TWICE_TAKEN]), []],
    ['a cancel', forged(CANCELLED, { asks: [posted(200), DELETED] }), []],
    ['texts that came as one', forged(PLAIN, { seen: [seenBy(merged)] }), []],
    ['a watcher that left', forged(PLAIN, { seen: [seenBy(PLAIN.slice(0, 3), { left: true })] }), []],
    ['a lost connection, then an answer', forged(PLAIN, { asks: [posted(0, { id: null }), posted(200)] }), []],
    ['503 in an outage', forged(PLAIN, { asks: [posted(503, { id: null }), posted(202)] }), [stopped]],
    ['a job that was delayed', forged(PLAIN, { plan: DELAYED, startedAt: DUE }), []],
    ['bare text, whole', forged(PLAIN, { read: [{ text: words(1).join(''), clean: true }] }), []],
    ['bare text, broken off', forged(PLAIN, { read: [cut] }), []],
    [
      'the failure that the model was meant to cause',
      forged([...PLAIN.slice(0, 4), entry('1-4', 'error', { code: 'MODEL_ERROR' })], {
        plan: { ...PLAN, temper: 'resets' },
      }),
      [],
    ],
  ])('lets pass: %s', (_name, testimony, struck) => {
    expect(counted(testimony, struck)).toEqual({});
  });

  const half = PLAIN.slice(0, 4);
  const twoEnds = [...PLAIN, entry('1-7', 'cancelled', { by: 'owner' })];
  const mixed = [...PLAIN.slice(0, 4), ...spoken(1, 4, words(2).slice(2)), entry('1-6', 'done')];
  const late = [...PLAIN.slice(0, 4), ...TAKEN_OVER, ...spoken(2, 3, words(1)), entry('2-7', 'done')];
  const unreset = [...half, entry('2-1', 'started'), ...spoken(2, 2, words(2)), entry('2-6', 'done')];

  it.each<[Defect, string, Testimony]>([
    ['lost', 'an event that a watcher did not get', forged(RETAKEN, { seen: [seenBy(without(RETAKEN, 4))] })],
    ['lost', 'a text that a watcher did not get', forged(PLAIN, { seen: [seenBy(without(PLAIN, 3))] })],
    ['lost', 'an event that is not in the log', forged(without(PLAIN, 1))],
    ['lost', 'the last words of a finished answer', forged([...PLAIN.slice(0, 5), entry('1-5', 'done')])],
    ['reordered', 'a job that began before its time', forged(PLAIN, { plan: DELAYED, startedAt: DUE - 50 })],
    ['lost', 'a log', forged(PLAIN, { seen: [seenBy([entry('0-0', 'reset'), ...PLAIN])] })],
    ['lost', 'an answer that nobody ended', forged(CANCELLED)],
    ['lost', 'a job that a reader did not find', forged(PLAIN, { seen: [seenBy(PLAIN, { refusals: [404] })] })],
    ['lost', '503 without an outage', forged(PLAIN, { asks: [posted(503, { id: null }), posted(200)] })],
    ['lost', 'a request answered with 500', forged(PLAIN, { asks: [posted(500), posted(200)] })],
    ['repeated', 'an event', forged(PLAIN, { seen: [seenBy([...PLAIN.slice(0, 2), ...PLAIN.slice(1)])] })],
    ['repeated', 'a job', forged(PLAIN, { asks: [posted(200), posted(200, { id: 'another' })] })],
    ['repeated', 'an answer without a reset before it', forged(unreset)],
    ['hung', 'a job', forged(half, { seen: [] })],
    ['hung', 'a watcher', forged(PLAIN, { seen: [seenBy(half)] })],
    ['hung', 'a request', forged(PLAIN, { asks: [posted(null, { id: null }), posted(200)] })],
    ['double-ended', 'a log', forged(twoEnds, { asks: [posted(200), { ...DELETED, status: 0 }], seen: [] })],
    ['double-ended', 'a stream', forged(PLAIN, { seen: [seenBy([...PLAIN.slice(0, -1), ...doubled(PLAIN)])] })],
    ['double-ended', 'a job whose cancel was answered', forged(PLAIN, { asks: [posted(200), DELETED] })],
    ['zombie', 'words of another call', forged(mixed)],
    ['zombie', 'words of the attempt before', forged(late)],
    ['zombie', 'an event that the log does not hold', forged(PLAIN, { seen: [seenBy(intruded(PLAIN))] })],
  ])('counts as %s: %s', (defect, _name, testimony) => {
    expect(Object.keys(counted(testimony))).toContain(defect);
  });

  it('counts a lost log once, and not the replay after it', () => {
    const replayed = [...PLAIN.slice(0, 4), entry('0-0', 'reset'), ...PLAIN];
    expect(counted(forged(PLAIN, { seen: [seenBy(replayed)] }))).toEqual({ lost: 1 });
  });

  it('counts one misplaced event as nothing else', () => {
    const [first, second, third] = spoken(1, 2, words(1));
    if (first === undefined || second === undefined || third === undefined) throw new Error('four words');
    const swapped = [ACCEPTED, STARTED, second, first, third, ...PLAIN.slice(5)];
    const { reordered } = counted(forged(PLAIN, { seen: [seenBy(swapped)] }));
    expect(reordered).toBeGreaterThan(0);
  });
});

/** The terminal event of a log, and another after it. */
function doubled(log: readonly SseEvent[]): SseEvent[] {
  return [...log.slice(-1), entry('1-7', 'done')];
}

/** A log with an event of a replaced attempt in the middle. */
function intruded(log: readonly SseEvent[]): SseEvent[] {
  return [...log.slice(0, -1), entry('1-9', 'message', { text: words(2)[3] }), ...log.slice(-1)];
}
