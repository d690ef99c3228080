import { type JobRef, reservedTokensOf, tenantOf } from '@millrace/contracts';
import type { AdmissionLimits, JobCatalogue, NewJob, Shards, UsageLedger } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { TenantLimits } from '../quota/tenant-limits.ts';
import type { ApiSettings } from '../settings.ts';
import { JOB_CATALOGUE, SETTINGS, SHARDS, USAGE_LEDGER } from '../tokens.ts';

/** What the shard of a new job may admit of its tenant. */
export interface SharedLimit extends AdmissionLimits {
  /** what the tenant may use in all shards; null: no limit */
  readonly whole: { readonly queuedJobs: number; readonly storedBytes: number; readonly tokensPerDay: number | null };
  /** of which limits the job's shard has all that the others have left, so that none of them would admit it either */
  readonly exact: { readonly storedBytes: boolean; readonly tokensPerDay: boolean };
}

/** Limits are shared out: each shard counts for itself, up to the limit divided by the number of shards. A job that needs more than
 *  such a share is admitted if it fits with what is used in all shards; what one of them has that does not answer is not counted.
 *  @see docs/scale.md */
@Injectable()
export class SharedLimits {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(TenantLimits) private readonly limits: TenantLimits,
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(USAGE_LEDGER) private readonly ledger: UsageLedger,
    @Inject(SHARDS) private readonly shards: Shards,
  ) {}

  async of({ ref, keptBytes, requestBytes, request, promptTokens }: NewJob): Promise<SharedLimit> {
    const limits = this.limits.limitsOf(tenantOf(ref));
    const { tokensPerDay } = limits;
    const queuedJobs = limits.queuedJobs ?? Number.MAX_SAFE_INTEGER;
    const storedBytes = limits.storedBytes ?? Number.MAX_SAFE_INTEGER;
    const [bytes, tokens] = await Promise.all([
      this.#shareOf(storedBytes, keptBytes + requestBytes, () => this.catalogue.storedBytesElsewhere(ref)),
      this.#shareOf(tokensPerDay, reservedTokensOf(request, promptTokens), () => this.ledger.todayElsewhere(ref)),
    ]);
    return {
      whole: { queuedJobs, storedBytes, tokensPerDay },
      exact: { storedBytes: bytes.isExact, tokensPerDay: tokens.isExact },
      maxQueued: this.#divided(this.settings.MILLRACE_MAX_QUEUED_JOBS),
      maxOpenPerTenant: this.#divided(queuedJobs),
      maxStoredBytesPerTenant: bytes.max,
      maxTokensPerDay: tokens.max,
    };
  }

  /** @returns how many of its tokens of the day a tenant has left in all shards */
  async tokensLeft(ref: JobRef, max: number): Promise<number> {
    const { used, reserved } = await this.ledger.today(tenantOf(ref));
    return Math.max(0, max - used - reserved);
  }

  /** @param needed by the job */
  async #shareOf<Limit extends number | null>(
    limit: Limit,
    needed: number,
    usedElsewhere: () => Promise<number>,
  ): Promise<{ max: number | Limit; isExact: boolean }> {
    if (limit === null) return { max: limit, isExact: false };
    const share = this.#divided(limit);
    if (needed <= share || share === limit) return { max: share, isExact: false };
    return { max: Math.max(0, limit - (await usedElsewhere())), isExact: true };
  }

  #divided(limit: number): number {
    return Math.ceil(limit / this.shards.taking);
  }
}
