import { DAY_SECONDS, type JobRef, tenantOf } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import type { UsageReport } from './usage-report.ts';

/** What a tenant has used on one day, of one pipeline and model. */
export interface DayUsage {
  readonly tenant: string;
  /** days since 1970, UTC: when the jobs were admitted */
  readonly day: number;
  readonly pipeline: string;
  readonly model: string;
  /** jobs that have ended, or of which an attempt has; with the model that they named, as attempts are */
  readonly jobs: number;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** how many of these tokens are estimates */
  readonly estimatedTokens: number;
  /** 10⁻¹² of the currency, by the prices of the time */
  readonly cost: number;
  /** tokens of models that had no price */
  readonly unpricedTokens: number;
}

const NOTHING = {
  ...{ jobs: 0, attempts: 0, inputTokens: 0, outputTokens: 0, estimatedTokens: 0, cost: 0, unpricedTokens: 0 },
} as const;

/** What the scripts call each count. */
const COUNTS = new Map<string, keyof typeof NOTHING>([
  ['jobs', 'jobs'],
  ['attempts', 'attempts'],
  ['input', 'inputTokens'],
  ['output', 'outputTokens'],
  ['estimated', 'estimatedTokens'],
  ['cost', 'cost'],
  ['unpriced', 'unpricedTokens'],
]);

/** Days read at a time. */
const BATCH = 200;

/** What tenants have used, day by day, kept for 400 days.
 *
 *  For each job it remembers what it has counted of which attempt, for as long as the record may live, and counts what a
 *  report says more. So reports may be repeated, come late and in any order: the sums are those of the attempts.
 *  @see docs/adr/0040-the-ledger-counts-differences.md */
export class UsageLedger {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Counts what is known of a job. One that was erased, or whose record has expired, is not counted. */
  async meter(ref: JobRef, report: UsageReport): Promise<void> {
    const keys = [this.keys.usageOf(tenantOf(ref)), this.keys.unsettledJobs, this.keys.tenantsWithUsage];
    await this.#run('meter', keys, [ref, JSON.stringify(report)]);
  }

  /** A running job needs more than it has reserved.
   *  @param tokens that it has used by now
   *  @returns false: the day's limit of its tenant has no room for them */
  async reserve(ref: JobRef, tokens: number): Promise<boolean> {
    return (await this.#run('reserve', [this.keys.usageOf(tenantOf(ref))], [ref, tokens])) === 1;
  }

  /** Changes what the running jobs of a tenant may use; new ones bring the limit with them.
   *  @param maxTokens of a day; null: no limit */
  async limit(tenant: string, maxTokens: number | null): Promise<void> {
    await this.#run('limit', [this.keys.usageOf(tenant)], [maxTokens ?? 'none']);
  }

  /** @returns what a tenant has used today (UTC), and what its unfinished jobs have reserved, tokens */
  async today(tenant: string): Promise<{ readonly used: number; readonly reserved: number }> {
    const [seconds] = await this.redis.time();
    const key = this.keys.usageOfDay(tenant, Math.floor(Number(seconds) / DAY_SECONDS));
    const [used, reserved] = await this.redis.hmget(key, 'used', 'reserved');
    return { used: Number(used ?? 0), reserved: Number(reserved ?? 0) };
  }

  /** @returns what the tenant of a job has used and reserved today in other shards: this is one Redis, and there are none */
  async todayElsewhere(_ref: JobRef): Promise<number> {
    return 0;
  }

  /** Ended jobs of which an attempt is missing, those that ended first at the beginning.
   *  @param olderThanMs since they ended, milliseconds
   *  @param skip how many to leave out at the beginning */
  async unsettled(olderThanMs: number, limit: number, skip = 0): Promise<JobRef[]> {
    const [seconds] = await this.redis.time();
    const latest = Number(seconds) * 1_000 - olderThanMs;
    const range = [this.keys.unsettledJobs, '-inf', String(latest)] as const;
    return (await this.redis.zrange(...range, 'BYSCORE', 'LIMIT', skip, limit)) as JobRef[];
  }

  /** @returns how many of these jobs are unsettled */
  async countUnsettled(refs: readonly JobRef[]): Promise<number> {
    if (refs.length === 0) return 0;
    const scores = await this.redis.zmscore(this.keys.unsettledJobs, ...refs);
    return scores.filter((score) => score !== null).length;
  }

  /** Removes a job from the unsettled ones: nothing more can be learned of it. */
  async giveUp(ref: JobRef): Promise<void> {
    await this.redis.zrem(this.keys.unsettledJobs, ref);
  }

  /** @returns tenants of which something was counted on this day or later, and perhaps others */
  tenantsSince(day: number): Promise<string[]> {
    return this.redis.zrange(this.keys.tenantsWithUsage, day, '+inf', 'BYSCORE');
  }

  /** Reads some hundred days of tenants at a time.
   *  @param from and `to`, inclusive: days since 1970, UTC */
  async *read(
    tenants: readonly string[],
    { from, to }: { from: number; to: number },
  ): AsyncGenerator<readonly DayUsage[], void, undefined> {
    const days = Array.from({ length: Math.max(0, to - from + 1) }, (_, nth) => from + nth);
    const wanted = tenants.flatMap((tenant) => days.map((day) => ({ tenant, day })));
    for (let start = 0; start < wanted.length; start += BATCH) {
      yield (
        await Promise.all(
          wanted.slice(start, start + BATCH).map(async ({ tenant, day }) => {
            const fields = await this.redis.hgetall(this.keys.usageOfDay(tenant, day));
            return rowsOf(fields).map((row) => ({ tenant, day, ...row }));
          }),
        )
      ).flat();
    }
  }
}

type Row = Omit<DayUsage, 'tenant' | 'day'>;

/** @param fields `<what> <pipeline> <model>` → count, and the sums of the day, which have no spaces */
function rowsOf(fields: Readonly<Record<string, string>>): Row[] {
  const rows = new Map<string, Row>();
  for (const [field, count] of Object.entries(fields)) {
    const [what = '', pipeline, ...rest] = field.split(' ');
    const name = COUNTS.get(what);
    if (name === undefined || pipeline === undefined) continue;
    const model = rest.join(' ');
    const key = `${pipeline} ${model}`;
    rows.set(key, { ...(rows.get(key) ?? { pipeline, model, ...NOTHING }), [name]: Number(count) });
  }
  return [...rows.values()];
}
