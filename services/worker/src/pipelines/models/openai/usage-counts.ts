import type { Usage } from '@millrace/contracts';
import { type Fields, isFields } from './fields.ts';

/** More than any answer has: a larger count is nonsense, which sums of a tenant must not contain. */
export const MAX_TOKENS = 1_000_000_000;

/** Finds token counts wherever a server puts them: in the frame, in Groq's own field, or in the choice (Moonshot). Values
 *  that are not counts are left out.
 *  @returns undefined when the frame has none or already has OpenAI's form; null when `usage` is not an object */
export function usageIn({ usage, x_groq: groq }: Fields, choice: Fields | null): Fields | null | undefined {
  const inChoice = choice?.['usage'];
  // runs for every token
  if ((usage ?? groq ?? inChoice ?? null) === null) return undefined;
  const given = [usage, isFields(groq) ? groq['usage'] : undefined, inChoice].find(isFields) ?? usage;
  if (given === undefined || given === null) return undefined;
  if (!isFields(given)) return null;
  if (given === usage && isCount(given['prompt_tokens']) && isCount(given['completion_tokens'])) return undefined;
  const input = countIn(given['prompt_tokens'] ?? given['input_tokens']);
  const output = countIn(given['completion_tokens'] ?? given['output_tokens']);
  const total = countIn(given['total_tokens']);
  return {
    ...(input === undefined ? {} : { prompt_tokens: input }),
    ...(output === undefined ? {} : { completion_tokens: output }),
    ...(total === undefined ? {} : { total_tokens: total }),
  };
}

/** Merges the usage of a frame into that of the frames before: some servers report input and output in different frames.
 *  Counts only grow.
 *  @returns `usage` itself when it is complete */
export function mergedUsage(before: Fields | null, usage: Fields): Fields {
  const prompt = largest(before?.['prompt_tokens'], usage['prompt_tokens']);
  const completion = largest(before?.['completion_tokens'], usage['completion_tokens']);
  if (prompt === countIn(usage['prompt_tokens']) && completion === countIn(usage['completion_tokens'])) return usage;
  const total = largest(usage['total_tokens'], (prompt ?? 0) + (completion ?? 0));
  return {
    ...before,
    ...usage,
    ...(prompt === undefined ? {} : { prompt_tokens: prompt }),
    ...(completion === undefined ? {} : { completion_tokens: completion }),
    total_tokens: total,
  };
}

function largest(...values: readonly unknown[]): number | undefined {
  const counts = values.map(countIn).filter((count) => count !== undefined);
  return counts.length === 0 ? undefined : Math.max(...counts);
}

/** Turns the running totals of one completion into increments. */
export class UsageIncrements {
  #reported: Usage = { inputTokens: 0, outputTokens: 0 };

  /** @returns the increase since the last call; null without one */
  next({ prompt_tokens: prompt, completion_tokens: completion }: Fields): Usage | null {
    const inputTokens = Math.max(this.#reported.inputTokens, countIn(prompt) ?? 0);
    const outputTokens = Math.max(this.#reported.outputTokens, countIn(completion) ?? 0);
    const increase = {
      inputTokens: inputTokens - this.#reported.inputTokens,
      outputTokens: outputTokens - this.#reported.outputTokens,
    };
    this.#reported = { inputTokens, outputTokens };
    return increase.inputTokens === 0 && increase.outputTokens === 0 ? null : increase;
  }
}

function countIn(value: unknown): number | undefined {
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !(count >= 0 && count <= MAX_TOKENS)) return undefined;
  return Math.floor(count);
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOKENS;
}
