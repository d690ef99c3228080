import type { ModelRequest, ModelStep } from '@millrace/simulated-model';

/** What the stepper is to do. */
export interface Task {
  /** of digits; no two tasks of a run are equal */
  readonly name: string;
  readonly steps: number;
  /** words that the model says before each step, and at the end */
  readonly words: number;
  /** at this step, from 0, a person is asked */
  readonly asksAt: number | null;
}

/** A word of the model names its place. */
export interface Word {
  readonly task: string;
  /** the step that it precedes, from 0; the number of steps for what is said after the last one */
  readonly step: number;
  /** the number of the model call for this step, from 1 */
  readonly call: number;
  /** from 0 */
  readonly place: number;
}

// bytes beyond ASCII, so that a cut may fall within a character
const TAIL = '·–😀 ';

/** The prompt of a task, by which the model recognises it. */
export function promptOfTask({ name }: Task): string {
  return `step through task ${name}`;
}

/** The model of the stepper for one task. */
export class StepperModel {
  /** model calls so far, by step */
  readonly calls: number[] = [];

  constructor(readonly task: Task) {}

  /** @returns what the model says, for `SimulatedModel.answer` */
  answer({ body: { messages = [] } }: Pick<ModelRequest, 'body'>): ModelStep[] {
    const since = messages.findLastIndex(({ role }) => role === 'user');
    const step = messages.slice(since).filter(({ role }) => role === 'tool').length;
    const call = (this.calls[step] ?? 0) + 1;
    this.calls[step] = call;
    return saidBefore(this.task, step, call);
  }
}

/** What the model says before a step, with the call of the tool. */
export function saidBefore({ name, steps, words, asksAt }: Task, step: number, call: number): ModelStep[] {
  const said: ModelStep[] = Array.from({ length: words }, (_, place) => `${name}.${step}.${call}.${place}${TAIL}`);
  if (step >= steps) return said;
  const args = JSON.stringify({ task: name, step, asks: step === asksAt });
  return [...said, { toolCall: { id: `call_${name}_${step}_${call}`, name: 'work', arguments: args } }];
}

/** @returns null if the text does not consist of whole words */
export function wordsIn(text: string): Word[] | null {
  const pieces = text.split(TAIL);
  if (pieces.pop() !== '') return null;
  const words = pieces.map((piece) => /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(piece));
  if (words.includes(null)) return null;
  return words.map((match) => {
    const [, task = '', ...numbers] = match ?? [];
    const [step = 0, call = 0, place = 0] = numbers.map(Number);
    return { task, step, call, place };
  });
}

/** The steps of a task as the state counts them.
 *  @param answer of the person who was asked */
export function stepsOf({ name, steps, asksAt }: Task, answer = ''): string[] {
  return Array.from({ length: steps }, (_, step) => `${name}.${step}${step === asksAt ? `=${answer}` : ''}`);
}
