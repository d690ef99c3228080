import type { ModelStep } from '@millrace/simulated-model';
import type { JobPlan } from './job-plan.ts';

/** One word of an answer, which tells where it belongs. */
export interface Token {
  /** of the job */
  readonly index: number;
  /** of the model for this job, from 1 */
  readonly call: number;
  /** in the answer, from 0 */
  readonly place: number;
}

// bytes beyond ASCII, so that a connection may be cut in the midst of a character
const TAIL = '·–😀 ';

/** The prompt of a job, by which the model knows it. */
export function promptOf({ index }: JobPlan): string {
  return `chaos ${index}`;
}

/** What the model says to a job when it is asked.
 *  @param call of the model for this job, from 1: each answer differs from the one before in every word */
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

/** @returns null where the text is not made of whole tokens */
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
