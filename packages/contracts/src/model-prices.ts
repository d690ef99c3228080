import { z } from 'zod';
import type { Usage } from './job.ts';
import { qualifiedModel } from './model-name.ts';

/** What a million tokens of a model cost, in whatever currency the operator counts. */
export interface ModelPrice {
  readonly input: number;
  readonly output: number;
}

const price = z.number().min(0).max(1_000_000);
const pricesSchema = z.record(z.string().min(1).max(128), z.strictObject({ input: price, output: price }));

/** Prices of models, by `provider:name`, or by a beginning of it that ends with `*`. The longest that fits counts. */
export class ModelPrices {
  static readonly NONE = new ModelPrices({});
  readonly #exact = new Map<string, ModelPrice>();
  readonly #beginnings: readonly (readonly [beginning: string, price: ModelPrice])[];

  constructor(prices: Readonly<Record<string, ModelPrice>>) {
    const beginnings: (readonly [string, ModelPrice])[] = [];
    for (const [name, price] of Object.entries(prices)) {
      if (name.endsWith('*')) beginnings.push([name.slice(0, -1), price]);
      else this.#exact.set(qualifiedModel(name, 'openai'), price);
    }
    this.#beginnings = beginnings.toSorted(([a], [b]) => b.length - a.length);
  }

  /** @returns 10⁻¹² of the currency, a whole number; null for a model without a price */
  costOf(model: string, { inputTokens, outputTokens }: Usage): number | null {
    const found = this.#exact.get(model) ?? this.#beginnings.find(([beginning]) => model.startsWith(beginning))?.[1];
    if (found === undefined) return null;
    return Math.round((inputTokens * found.input + outputTokens * found.output) * 1e6);
  }
}

/** What models cost: read by every process that counts in the ledger. */
export const priceSettings = {
  MILLRACE_MODEL_PRICES: z
    .string()
    .default('{}')
    .transform((text, context) => {
      const prices = pricesSchema.safeParse(jsonOrUndefined(text));
      if (prices.success) return new ModelPrices(prices.data);
      const { path = [], message } = prices.error.issues[0] ?? {};
      const where = path.length === 0 ? '' : `${path.map((part) => JSON.stringify(part)).join(' → ')}: ${message}; `;
      context.addIssue(`${where}must be JSON such as {"openai:gpt-4o-mini": {"input": 0.15, "output": 0.6}}`);
      return z.NEVER;
    })
    .describe(
      'JSON: model → {"input", "output"}, the price of a million tokens in your currency; a name that ends with `*` stands for all that begin so. `GET /usage` then shows costs; a new price counts from now on',
    ),
};

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
