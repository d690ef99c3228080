import { DAY_MS } from '@millrace/contracts';
import type { DayUsage, UsageLedger } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { listedTenant } from '../auth/listed-tenant.ts';
import { USAGE_LEDGER } from '../tokens.ts';

/** What the rows of an account are about. */
export const USAGE_GROUPS = ['day', 'model', 'pipeline', 'tenant'] as const;
type UsageGroup = (typeof USAGE_GROUPS)[number];

export interface UsageQuery {
  readonly caller: Caller;
  /** first and last day, inclusive: days since 1970, UTC */
  readonly from: number;
  readonly to: number;
  readonly by: UsageGroup;
  readonly tenant?: string | undefined;
}

/** A row; it also has the field that the query groups by. */
export type UsageItem = Readonly<Partial<Record<UsageGroup, string>>> & {
  readonly jobs: number;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** how many of these tokens are estimates */
  readonly estimatedTokens: number;
  /** in the currency of the prices; absent where tokens of a model without a price are among these */
  readonly cost?: number;
};

type Sums = Omit<DayUsage, UsageGroup>;

/** Ledgers count cost in 10⁻¹². */
const COST_UNITS = 1e12;
const COST_DIGITS = 9;

/** Rows of models in one answer: callers may choose their names. Further ones are one row. */
const MAX_MODELS = 1_000;
const OTHER = 'other';

/** Adds up what a tenant has used, or for an admin what all have. @see PROTOCOL.md §11 */
@Injectable()
export class ReadUsage {
  constructor(@Inject(USAGE_LEDGER) private readonly ledger: UsageLedger) {}

  /** @returns in the order of the field that groups them
   *  @throws Forbidden */
  async run({ caller, from, to, by, tenant }: UsageQuery): Promise<UsageItem[]> {
    const scope = listedTenant(caller, tenant);
    const tenants = scope === null ? await this.ledger.tenantsSince(from) : [scope];
    const groups = new Map<string, Sums>();
    for await (const rows of this.ledger.read(tenants, { from, to })) {
      for (const row of rows) {
        const key = by === 'day' ? dateOf(row.day) : row[by];
        const isBounded = by !== 'model' || groups.has(key) || groups.size < MAX_MODELS;
        const group = isBounded ? key : OTHER;
        groups.set(group, added(groups.get(group) ?? NOTHING, row));
      }
    }
    return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, sums]) => ({ [by]: key, ...itemOf(sums) }));
  }
}

const NOTHING: Sums = {
  ...{ jobs: 0, attempts: 0, inputTokens: 0, outputTokens: 0, estimatedTokens: 0, cost: 0, unpricedTokens: 0 },
};

function added(sums: Sums, row: Sums): Sums {
  return {
    jobs: sums.jobs + row.jobs,
    attempts: sums.attempts + row.attempts,
    inputTokens: sums.inputTokens + row.inputTokens,
    outputTokens: sums.outputTokens + row.outputTokens,
    estimatedTokens: sums.estimatedTokens + row.estimatedTokens,
    cost: sums.cost + row.cost,
    unpricedTokens: sums.unpricedTokens + row.unpricedTokens,
  };
}

function itemOf({ cost, unpricedTokens, ...counts }: Sums): UsageItem {
  const isPriced = unpricedTokens === 0 && counts.inputTokens + counts.outputTokens > 0;
  return { ...counts, ...(isPriced ? { cost: Number((cost / COST_UNITS).toFixed(COST_DIGITS)) } : {}) };
}

/** @param day days since 1970, UTC */
function dateOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}
