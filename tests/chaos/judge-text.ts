import type { Offence } from '@millrace/testing';
import { type Token, tokensIn } from './answer.ts';
import type { JobPlan } from './job-plan.ts';

/** Judges the text of one attempt: the first words of one answer to this job, in order, once each.
 *  @param whole whether it must be the whole answer */
export function judgeText(name: string, text: string, plan: JobPlan, whole: boolean): Offence[] {
  const tokens = tokensIn(text);
  if (tokens === null) return [{ defect: 'lost', what: `${name}: a part of a word is missing in ${text}` }];
  const offences = foreign(name, tokens, plan);
  const own = tokens.filter(({ call }) => call === tokens[0]?.call).map(({ place }) => place);
  const seen = new Set<number>();
  for (const [index, place] of own.entries()) {
    const next = index === 0 ? 0 : (own[index - 1] ?? 0) + 1;
    if (seen.has(place)) offences.push({ defect: 'repeated', what: `${name}: word ${place} again` });
    else if (place < next) offences.push({ defect: 'reordered', what: `${name}: word ${place} after ${next - 1}` });
    else if (place > next) offences.push({ defect: 'lost', what: `${name}: word ${place} where ${next} is due` });
    seen.add(place);
  }
  if (whole && own.at(-1) !== plan.tokens - 1) {
    offences.push({ defect: 'lost', what: `${name}: ends with word ${own.at(-1)} of ${plan.tokens}` });
  }
  return offences;
}

/** The model call that a text comes from; undefined if there is none. */
export function callOf(text: string): number | undefined {
  return tokensIn(text)?.[0]?.call;
}

function foreign(name: string, tokens: readonly Token[], { index }: JobPlan): Offence[] {
  const stranger = tokens.find((token) => token.index !== index || token.call !== tokens[0]?.call);
  if (stranger === undefined) return [];
  const what = `${name}: word ${stranger.place} of call ${stranger.call} for job ${stranger.index} in an answer of call ${tokens[0]?.call}`;
  return [{ defect: 'zombie', what }];
}
