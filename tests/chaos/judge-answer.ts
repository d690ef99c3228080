import { endsAmong, type Offence, partsOf, type SseEvent, textAfter } from '@millrace/testing';
import { judgeTask } from '../stepper/judge-task.ts';
import type { JobPlan, Temper } from './job-plan.ts';
import { callOf, judgeText } from './judge-text.ts';
import type { Read, Testimony } from './testimony.ts';

const CODES: Readonly<Record<Temper, readonly string[]>> = {
  speaks: [],
  'refuses once': [],
  refuses: ['MODEL_RATE_LIMITED'],
  resets: ['MODEL_ERROR'],
  garbles: ['MODEL_ERROR'],
  'falls silent': ['MODEL_TIMEOUT'],
};

/** Two clocks of one machine, one of them in whole milliseconds. */
const TICK_MS = 5;

/** Judges a job's log by its plan: each attempt has the words of one answer, the plan allows the end, and none began before
 *  its time. */
export function judgeAnswer(testimony: Testimony): Offence[] {
  const { plan, log, asks } = testimony;
  const { task, place } = plan;
  const from = place !== null && place.answer !== null ? (task?.asksAt ?? 0) + 1 : 0;
  const offences = task === null ? judgeAttempts(plan, log) : judgeTask(task, log, { from });
  const [end] = endsAmong(log);
  if (end !== undefined && !isLegal(end, plan, asks)) {
    const what = `the answer: ${end.id} ${end.event} ${JSON.stringify(end.data)} was not due`;
    offences.push({ defect: 'lost', what });
  }
  return [...offences, ...judgeDelay(testimony)];
}

function judgeDelay({ plan: { delayMs }, asks, startedAt }: Testimony): Offence[] {
  const [first] = asks.filter(({ what }) => what === 'POST');
  if (delayMs === null || first === undefined || startedAt === null) return [];
  const earlyMs = performance.timeOrigin + first.at + delayMs - startedAt;
  if (earlyMs <= TICK_MS) return [];
  return [{ defect: 'reordered', what: `it began ${Math.round(earlyMs)} ms before its time` }];
}

/** Judges a reader of bare text: a body that ended properly is the whole answer. */
export function judgeRead({ text, clean }: Read, log: readonly SseEvent[], plan: JobPlan): Offence[] {
  if (!clean) return [];
  const done = log.at(-1)?.event === 'done';
  if (!done) return [{ defect: 'double-ended', what: `the bare text ended well, the log with ${log.at(-1)?.event}` }];
  if (text === textAfter(log)) return [];
  const offences = judgeText('the bare text', text, plan, true);
  return offences.length > 0 ? offences : [{ defect: 'zombie', what: 'the bare text is not that of the log' }];
}

function judgeAttempts(plan: JobPlan, log: readonly SseEvent[]): Offence[] {
  const offences: Offence[] = [];
  const calls = new Map<number, number>();
  let said = '';
  for (const [attempt, events] of Map.groupBy(log, ({ id }) => partsOf(id)[0])) {
    const text = events.map(({ event, data }) => (event === 'message' ? data.text : '')).join('');
    const whole = events.some(({ event }) => event === 'done');
    offences.push(...judgeText(`attempt ${attempt}`, text, plan, whole));
    const [first] = events;
    if (said !== '' && attempt > 0 && first?.event !== 'reset' && endsAmong(events)[0] !== first) {
      offences.push({ defect: 'repeated', what: `attempt ${attempt} starts afresh without a reset` });
    }
    if (first?.event === 'reset') said = '';
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
  // whether somebody asked for it is known to the thread's own judgement
  if (data.by === 'thread') return plan.place !== null;
  return data.by === 'owner' && asks.some(({ what }) => what === 'DELETE');
}
