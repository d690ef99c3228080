import { type Fields, isFields } from './fields.ts';

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

function countIn(value: unknown): number | undefined {
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isFinite(count) || count < 0) return undefined;
  return Math.floor(count);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
