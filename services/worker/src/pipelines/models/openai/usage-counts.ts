import { type Fields, isFields } from './fields.ts';

/** Counts of tokens, wherever a server puts them: of the frame, of Groq's own field, or of the choice (Moonshot). What is no
 *  count is left out.
 *  @returns undefined where the frame has none, or they are as they should be; null where they are no counts at all */
export function usageIn({ usage, x_groq: groq }: Fields, choice: Fields | null): Fields | null | undefined {
  const inChoice = choice?.['usage'];
  // the path of every token
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

function countIn(value: unknown): number | undefined {
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isFinite(count) || count < 0) return undefined;
  return Math.floor(count);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
