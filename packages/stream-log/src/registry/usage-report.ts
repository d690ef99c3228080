import type { AttemptUsage, ModelPrices } from '@millrace/contracts';
import type { JobOutline } from '../log/record.ts';

/** What is known of the usage of a job: the form that the scripts of the ledger read. */
export interface UsageReport {
  /** how many attempts it has had; only of a job that has ended */
  readonly total?: number | 'unknown';
  /** numbers that no attempt had, `<from>-<to>,…`; see {@link JobOutline.leftOut} */
  readonly leftOut?: string;
  /** by number; attempts that are left out stay as they are counted */
  readonly attempts: Readonly<Record<number, CountedAttempt>>;
}

/** The usage of an attempt, with its price. */
export interface CountedAttempt {
  /** whether its worker has reported it; otherwise it is an estimate, which any report replaces */
  readonly exact: boolean;
  readonly rows: readonly Row[];
}

/** `cost`: 10⁻¹² of the currency, as text, because Lua writes numbers of 14 digits; `''` for a model without a price */
type Row = readonly [model: string, input: number, output: number, estimated: number, cost: string];

/** Beyond it Redis's sums could overflow: a server may report any number. */
const MAX_TOKENS = 1e12;
const MAX_COST = 1e15;

/** @param model the job's own
 *  @param exact see {@link CountedAttempt} */
export function usageOfAttempt(
  usage: AttemptUsage,
  { model, prices, exact = true }: { readonly model: string; readonly prices: ModelPrices; readonly exact?: boolean },
): CountedAttempt {
  const { inputTokens, outputTokens, estimatedTokens = 0 } = usage;
  const models = usage.models ?? [{ model, inputTokens, outputTokens, estimatedTokens }];
  const rows = models.map((each): Row => {
    const cost = prices.costOf(each.model, each);
    const counts = [each.inputTokens, each.outputTokens, each.estimatedTokens] as const;
    const [input, output, estimated] = counts.map((count) => Math.min(count, MAX_TOKENS)) as [number, number, number];
    return [each.model, input, output, estimated, cost === null ? '' : Math.min(cost, MAX_COST).toFixed(0)];
  });
  return { exact, rows };
}
