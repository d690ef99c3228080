import {
  estimatedTokens,
  eventId,
  eventPosition,
  type JobRef,
  type ModelPrices,
  saidBytes,
  tenantOf,
} from '@millrace/contracts';
import { ContentUnreadable, nullIfLost } from '../errors.ts';
import type { JobReader } from '../log/job-reader.ts';
import { isFinished, isLeftOut, type JobOutline } from '../log/record.ts';
import type { UsageLedger } from './usage-ledger.ts';
import { type CountedAttempt, type UsageReport, usageOfAttempt } from './usage-report.ts';

/** A worker that was told of a cancel may still be about to report, milliseconds. */
const GRACE_MS = 5_000;

interface SettlementSweep {
  /** since they ended, milliseconds */
  readonly olderThanMs?: number;
  /** ends the sweep after the page that it is at */
  readonly signal?: AbortSignal;
}

type SettledJob = Pick<
  JobOutline,
  'ref' | 'status' | 'attempt' | 'model' | 'attemptUsage' | 'promptTokens' | 'leftOut'
>;

/** Counts attempts in the ledger that nobody has reported to it: from the record, and those whose worker died before it could
 *  report anything by an estimate. */
export class UsageSettlement {
  constructor(
    readonly ledger: UsageLedger,
    readonly reader: Pick<JobReader, 'outline' | 'page'>,
    readonly prices: ModelPrices,
  ) {}

  /** @returns what the record of a job says of its usage */
  recorded({ status, attempt, model, attemptUsage, leftOut }: Omit<SettledJob, 'ref' | 'promptTokens'>): UsageReport {
    const counted = [...attemptUsage].map(([number, usage]): [number, CountedAttempt] => [
      number,
      usageOfAttempt(usage, { model, prices: this.prices }),
    ]);
    const total = isFinished(status) ? { total: attempt } : {};
    return { ...total, ...(leftOut === null ? {} : { leftOut }), attempts: Object.fromEntries(counted) };
  }

  /** Counts all attempts of a job. */
  async settle(job: SettledJob): Promise<void> {
    const report = this.recorded(job);
    const missing = Array.from({ length: job.attempt }, (_, before) => before + 1).filter(
      (attempt) => !job.attemptUsage.has(attempt) && !isLeftOut(job, attempt),
    );
    const estimates = await Promise.all(missing.map((attempt) => this.#estimate(job, attempt)));
    const attempts = { ...report.attempts, ...Object.fromEntries(estimates) };
    await this.ledger.meter(job.ref, { ...report, attempts });
  }

  /** Settles all jobs that ended some seconds ago. Those whose key cannot be had now are left to the next sweep, and hold no
   *  others back.
   *  @param page how many to settle at once
   *  @returns how many were settled */
  async sweep(page: number, { olderThanMs = GRACE_MS, signal }: SettlementSweep = {}): Promise<number> {
    const waiting = new Set<string>();
    for (let settled = 0, left = 0; ; ) {
      const refs = await this.ledger.unsettled(olderThanMs, page, left);
      await Promise.all(refs.map((ref) => this.#settleUnless(waiting, ref)));
      // what its record says may settle nothing: it must not come again in this sweep
      const unsettled = await this.ledger.countUnsettled(refs);
      settled += refs.length - unsettled;
      left += unsettled;
      if (refs.length < page || signal?.aborted) return settled;
    }
  }

  /** @param waiting tenants whose key could not be had in this sweep: it is not asked for again. May get another one */
  async #settleUnless(waiting: Set<string>, ref: JobRef): Promise<void> {
    const tenant = tenantOf(ref);
    if (waiting.has(tenant)) return;
    try {
      const job = await this.reader.outline(ref);
      // Redis has lost it, or it was erased: there is nothing to learn
      if (job === null) await this.ledger.giveUp(ref);
      else await this.settle(job);
    } catch (error) {
      if (!(error instanceof ContentUnreadable)) throw error;
      waiting.add(tenant);
    }
  }

  /** Estimates what an attempt has used: its prompt, and what the log still has of its answer. */
  async #estimate({ ref, model, promptTokens }: SettledJob, attempt: number): Promise<[number, CountedAttempt]> {
    const outputTokens = estimatedTokens(await this.#saidBytes(ref, attempt));
    const usage = { inputTokens: promptTokens, outputTokens, estimatedTokens: promptTokens + outputTokens };
    return [attempt, usageOfAttempt(usage, { model, prices: this.prices, exact: false })];
  }

  async #saidBytes(ref: JobRef, attempt: number): Promise<number> {
    let bytes = 0;
    let after = eventId(attempt, 0);
    for (;;) {
      // what nobody can read any more counts nothing
      const page = await this.reader.page(ref, after).catch(nullIfLost);
      if (page === null) return bytes;
      const { events, full } = page;
      const own = events.filter(({ id }) => eventPosition(id).attempt === attempt);
      for (const { type, data } of own) bytes += saidBytes(type, JSON.parse(data) as object);
      const last = own.at(-1);
      if (last === undefined || own.length < events.length || !full) return bytes;
      after = last.id;
    }
  }
}
