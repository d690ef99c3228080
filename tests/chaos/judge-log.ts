import type { SseEvent } from '@millrace/testing';
import type { JobPlan, Temper } from './job-plan.ts';
import { callOf, judgeText } from './judge-text.ts';
import { compareIds, type Offence, partsOf } from './offence.ts';
import type { Testimony } from './testimony.ts';

const TERMINAL = new Set(['done', 'error', 'cancelled']);

const CODES: Readonly<Record<Temper, readonly string[]>> = {
  speaks: [],
  'refuses once': [],
  refuses: ['MODEL_RATE_LIMITED'],
  resets: ['MODEL_ERROR'],
  garbles: ['MODEL_ERROR'],
  'falls silent': ['MODEL_TIMEOUT'],
};

/** The terminal events among them. */
export function endsAmong(events: readonly SseEvent[]): SseEvent[] {
  return events.filter(({ event }) => TERMINAL.has(event));
}

/** Judges the history of a job by itself: every event in its place, each attempt the words of one answer, one end, and
 *  one that its plan allows. */
export function judgeLog({ plan, log, asks }: Testimony): Offence[] {
  const ends = endsAmong(log);
  const offences = [...judgeOrder(log), ...judgeAttempts(plan, log)];
  if (ends.length === 0) offences.push({ defect: 'hung', what: 'the log has no end' });
  if (ends.length > 1 || (ends.length === 1 && ends[0] !== log.at(-1))) {
    offences.push({ defect: 'double-ended', what: `the log ends with ${log.slice(-3).map(nameOf).join(', ')}` });
  }
  const [end] = ends;
  if (end !== undefined && !isLegal(end, plan, asks)) {
    offences.push({ defect: 'lost', what: `the answer: ${nameOf(end)} ${JSON.stringify(end.data)} was not due` });
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

function judgeAttempts(plan: JobPlan, log: readonly SseEvent[]): Offence[] {
  const offences: Offence[] = [];
  const calls = new Map<number, number>();
  let said = '';
  for (const [attempt, events] of Map.groupBy(log, ({ id }) => partsOf(id)[0])) {
    const text = events.map(({ event, data }) => (event === 'message' ? data.text : '')).join('');
    const whole = events.some(({ event }) => event === 'done');
    offences.push(...judgeText(`attempt ${attempt}`, text, plan, whole));
    if (said !== '' && attempt > 0 && events[0]?.event !== 'reset' && !TERMINAL.has(events[0]?.event ?? '')) {
      offences.push({ defect: 'repeated', what: `attempt ${attempt} starts afresh without a reset` });
    }
    const call = callOf(text);
    const other = call === undefined ? undefined : calls.get(call);
    if (call === undefined) continue;
    if (other !== undefined) {
      offences.push({ defect: 'zombie', what: `call ${call} of the model is in the attempts ${other} and ${attempt}` });
    }
    calls.set(call, attempt);
    said = text;
  }
  return offences;
}

function isLegal({ event, data }: SseEvent, plan: JobPlan, asks: Testimony['asks']): boolean {
  if (event === 'done') return plan.temper === 'speaks' || plan.temper === 'refuses once';
  if (event === 'error') {
    const crashed = plan.onCrash === 'fail' ? ['WORKER_LOST'] : [];
    return [...CODES[plan.temper], ...crashed].includes(data.code);
  }
  if (data.by === 'disconnect') return plan.onDisconnect === 'cancel';
  return data.by === 'owner' && asks.some(({ what }) => what === 'DELETE');
}

function nameOf({ id, event }: SseEvent): string {
  return `${id} ${event}`;
}
