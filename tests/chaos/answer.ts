import type { ModelStep } from '@millrace/simulated-model';
import { promptOfTask } from '../stepper/stepper-model.ts';
import type { JobPlan } from './job-plan.ts';

/** One word of an answer, which names its place. */
export interface Token {
  /** of the job */
  readonly index: number;
  /** the number of the model call for this job, from 1 */
  readonly call: number;
  /** the place in the answer, from 0 */
  readonly place: number;
}

// bytes beyond ASCII, so that a cut may fall within a character
const TAIL = '·–😀 ';

/** The prompt of a job, by which the model recognises it. */
export function promptOf({ index, task }: JobPlan): string {
  return task === null ? `chaos ${index}` : promptOfTask(task);
}

/** What the model answers a job.
 *  @param call the number of the model call for this job, from 1: every word differs from the previous answer's */
export function* answerTo({ index, tokens, temper }: JobPlan, call: number): Generator<ModelStep> {
  if (temper === 'refuses' || (temper === 'refuses once' && call === 1)) {
    yield { fail: { status: 429 } };
    return;
  }
  const breaksOff = temper === 'speaks' || temper === 'refuses once' ? tokens : Math.ceil(tokens / 2);
  for (let place = 0; place < breaksOff; place += 1) yield `${index}.${call}.${place}${TAIL}`;
  if (temper === 'resets') yield { reset: true };
  if (temper === 'falls silent') yield { silence: true };
  if (temper === 'garbles') {
    yield { raw: 'data: {"choices":[{\n\n' };
    yield { silence: true };
  }
}

/** @returns null if the text does not consist of whole tokens */
export function tokensIn(text: string): Token[] | null {
  const words = text.split(TAIL);
  if (words.pop() !== '') return null;
  const tokens = words.map((word) => /^(\d+)\.(\d+)\.(\d+)$/.exec(word));
  if (tokens.includes(null)) return null;
  return tokens.map((match) => {
    const [index = 0, call = 0, place = 0] = (match ?? []).slice(1).map(Number);
    return { index, call, place };
  });
}
