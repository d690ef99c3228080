import { estimatedTokens, eventId, eventPosition, type JobRef, type ModelPrices, saidBytes } from '@millrace/contracts';
import { ContentUnreadable } from '../errors.ts';
import type { JobReader } from '../log/job-reader.ts';
import { isFinished, type JobOutline } from '../log/record.ts';
import type { UsageLedger } from './usage-ledger.ts';
import { type CountedAttempt, type UsageReport, usageOfAttempt } from './usage-report.ts';

/** A worker that was told of a cancel may still be about to report, milliseconds. */
const GRACE_MS = 5_000;

type SettledJob = Pick<JobOutline, 'ref' | 'status' | 'attempt' | 'model' | 'attemptUsage' | 'promptTokens'>;

/** Counts attempts in the ledger that nobody has reported to it: from the record, and those whose worker died before it could
 *  report anything by an estimate. */
export class UsageSettlement {
  constructor(
    readonly ledger: UsageLedger,
    readonly reader: Pick<JobReader, 'outline' | 'page'>,
    readonly prices: ModelPrices,
  ) {}

  /** @returns what the record of a job says of its usage */
  recorded({ status, attempt, model, attemptUsage }: Omit<SettledJob, 'ref' | 'promptTokens'>): UsageReport {
    const counted = [...attemptUsage].map(([number, usage]): [number, CountedAttempt] => [
      number,
      usageOfAttempt(usage, { model, prices: this.prices }),
    ]);
    const total = isFinished(status) ? { total: attempt } : {};
    return { ...total, attempts: Object.fromEntries(counted) };
  }

  /** Counts all attempts of a job. */
  async settle(job: SettledJob): Promise<void> {
    const report = this.recorded(job);
    const missing = Array.from({ length: job.attempt }, (_, before) => before + 1).filter(
      (attempt) => !job.attemptUsage.has(attempt),
    );
    const estimates = await Promise.all(missing.map((attempt) => this.#estimate(job, attempt)));
    const attempts = { ...report.attempts, ...Object.fromEntries(estimates) };
    await this.ledger.meter(job.ref, { ...report, attempts });
  }

  /** Settles jobs that ended some seconds ago.
   *  @returns how many were due */
  async sweep(limit: number, olderThanMs = GRACE_MS): Promise<number> {
    const refs = await this.ledger.unsettled(olderThanMs, limit);
    for (const ref of refs) {
      const job = await this.reader.outline(ref);
      // Redis has lost it, or it was erased: there is nothing to learn
      if (job === null) await this.ledger.giveUp(ref);
      else await this.settle(job).catch(nullIfUnreadable);
    }
    return refs.length;
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

/** What was altered, or whose key is destroyed, counts nothing. */
function nullIfLost(error: unknown): null {
  if (error instanceof ContentUnreadable && error.reason !== 'unavailable') return null;
  throw error;
}

/** A job whose key cannot be had now is settled later: others must not wait for it. */
function nullIfUnreadable(error: unknown): null {
  if (error instanceof ContentUnreadable) return null;
  throw error;
}
