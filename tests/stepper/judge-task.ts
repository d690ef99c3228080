import { endsAmong, type Offence, partsOf, type SseEvent } from '@millrace/testing';
import { type Task, type Word, wordsIn } from './stepper-model.ts';

/** One message in a job's log. */
export interface Said {
  readonly text: string;
  /** its `message_end` is there */
  readonly whole: boolean;
}

export interface TaskRules {
  /** the first step that the job is to do: beyond 0 for a job that answers a question */
  readonly from?: number;
}

/** Judges the log of a job of the stepper: each attempt says the messages of the steps in order, each whole and of one call
 *  of the model; what a later attempt says again is word for word what an earlier one has said. */
export function judgeTask(task: Task, log: readonly SseEvent[], { from = 0 }: TaskRules = {}): Offence[] {
  const attempts = [...Map.groupBy(log, ({ id }) => partsOf(id)[0])].filter(([attempt]) => attempt > 0);
  const offences = attempts.flatMap(([attempt, events]) => judgeAttempt(`attempt ${attempt}`, task, events, from));
  const broken = new Map<string, number>();
  const kept = new Set<string>();
  for (const [attempt, events] of attempts) {
    for (const message of messagesIn(events)) {
      const [first] = wordsIn(message.text) ?? [];
      if (first === undefined) continue;
      const call = `call ${first.call} for step ${first.step}`;
      const before = broken.get(call);
      if (before !== undefined) {
        offences.push({ defect: 'zombie', what: `${call} was broken off in attempt ${before} and is in ${attempt}` });
      }
      if (message.whole) kept.add(call);
      else if (!kept.has(call)) broken.set(call, attempt); // otherwise it was being said again
    }
  }
  return offences;
}

/** The messages among the events of one attempt. */
export function messagesIn(events: readonly SseEvent[]): Said[] {
  const messages = new Map<string, { text: string; whole: boolean }>();
  let open = '';
  for (const { event, data } of events) {
    const id: string = data?.messageId ?? open;
    if (event === 'message_start') {
      open = id;
      messages.set(id, { text: '', whole: false });
    }
    const message = messages.get(id);
    if (message === undefined) continue;
    if (event === 'message') message.text += data.text;
    if (event === 'message_end') message.whole = true;
  }
  return [...messages.values()];
}

function judgeAttempt(name: string, task: Task, events: readonly SseEvent[], from: number): Offence[] {
  const [end] = endsAmong(events);
  const done = end?.event === 'done';
  const asked = done && end.data.finishReason === 'interrupt';
  const messages = messagesIn(events);
  const last = asked ? (task.asksAt ?? -1) : task.steps;
  // the last message says the steps, not a step
  const tell = done && !asked ? messages.pop() : undefined;
  if (!done && messages.length > task.steps - from + 1) messages.pop();
  const offences = messages.flatMap((message, index) => judgeMessage(name, task, message, from + index));
  const unfinished = messages.slice(0, -1).some(({ whole }) => !whole) || (done && messages.at(-1)?.whole !== true);
  if (unfinished) offences.push({ defect: 'lost', what: `${name}: a message has no end` });
  const due = last - from + 1;
  if (done && messages.length !== due) {
    const defect = messages.length < due ? 'lost' : 'repeated';
    offences.push({ defect, what: `${name}: ${messages.length} messages where ${due} are due` });
  }
  if (tell !== undefined && !tell.whole) offences.push({ defect: 'lost', what: `${name}: its report has no end` });
  return [...offences, ...judgeCalls(name, events), ...judgeQuestions(name, task, events, asked)];
}

function judgeMessage(name: string, task: Task, { text, whole }: Said, step: number): Offence[] {
  const where = `${name}, step ${step}`;
  const words = wordsIn(text);
  if (words === null) return [{ defect: 'lost', what: `${where}: a part of a word is missing in ${text}` }];
  const [first] = words;
  const stranger = words.find((word) => word.task !== task.name || word.step !== step || word.call !== first?.call);
  if (stranger !== undefined) {
    const defect = stranger.task === task.name && stranger.step < step ? 'repeated' : 'zombie';
    return [{ defect, what: `${where}: ${nameOf(stranger)} is there` }];
  }
  const wrong = words.findIndex(({ place }, index) => place !== index);
  if (wrong !== -1) {
    const place = words[wrong]?.place ?? 0;
    return [{ defect: place < wrong ? 'repeated' : 'lost', what: `${where}: word ${place} where ${wrong} is due` }];
  }
  if (whole && words.length !== task.words) {
    return [{ defect: 'lost', what: `${where}: ends after ${words.length} words of ${task.words}` }];
  }
  return [];
}

/** Each call of the tool is announced once and answered once. */
function judgeCalls(name: string, events: readonly SseEvent[]): Offence[] {
  return ['tool_call', 'tool_result'].flatMap((kind) => {
    const ids = events.filter(({ event }) => event === kind).map(({ data }) => String(data.callId));
    const again = ids.find((id, index) => ids.indexOf(id) !== index);
    return again === undefined ? [] : [{ defect: 'repeated', what: `${name}: ${kind} of ${again} again` } as const];
  });
}

function judgeQuestions(name: string, task: Task, events: readonly SseEvent[], asked: boolean): Offence[] {
  const questions = events.filter(({ event }) => event === 'interrupt');
  if (questions.length > 1) return [{ defect: 'repeated', what: `${name}: asks ${questions.length} times` }];
  const [question] = questions;
  if (asked && question === undefined)
    return [{ defect: 'lost', what: `${name}: ends with a question, and asks none` }];
  const value = question?.data.value;
  if (question === undefined || (value?.task === task.name && value?.step === task.asksAt)) return [];
  return [{ defect: 'zombie', what: `${name}: asks ${JSON.stringify(value)}` }];
}

function nameOf({ task, step, call, place }: Word): string {
  return `word ${place} of call ${call} for step ${step} of task ${task}`;
}
