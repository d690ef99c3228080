import { LIMIT_NAMES, type LimitName, type LimitOverrides, type TenantLimits as Limits } from '@millrace/contracts';
import type { FairQueue, JobCatalogue, TenantSlots, UsageLedger } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import type { Caller } from '../auth/caller.ts';
import { seesAllTenants } from '../auth/listed-tenant.ts';
import { OutOfScope } from '../http/problem.ts';
import { FAIR_QUEUE, JOB_CATALOGUE, TENANT_SLOTS, USAGE_LEDGER } from '../tokens.ts';
import { RequestLimit } from './request-limit.ts';
import { StreamQuota } from './stream-quota.ts';
import { TenantLimits } from './tenant-limits.ts';

/** What a tenant may use, and what it uses now; null: no limit. */
export interface TenantUse {
  readonly limits: Limits;
  readonly use: Readonly<Record<LimitName, number>>;
}

/** Shows and sets what a tenant may use. @see PROTOCOL.md §11 */
@Injectable()
export class LimitTenant {
  constructor(
    @Inject(TenantLimits) private readonly limits: TenantLimits,
    @Inject(RequestLimit) private readonly requests: RequestLimit,
    @Inject(StreamQuota) private readonly streams: StreamQuota,
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(TENANT_SLOTS) private readonly slots: TenantSlots,
    @Inject(USAGE_LEDGER) private readonly ledger: UsageLedger,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {
    // on each node: one that did not yet know it may have admitted a job with the old limit
    limits.onChanged((tenant) => {
      streams.limitChanged(tenant);
      ledger.limit(tenant, limits.limitsOf(tenant).tokensPerDay).catch(() => {
        // Redis is away, which its connection logs: the next admission brings the limit
      });
    });
  }

  /** @throws OutOfScope only an admin sees another tenant's */
  async show(tenant: string, caller: Caller): Promise<TenantUse> {
    if (tenant !== caller.tenant && !seesAllTenants(caller)) {
      throw new OutOfScope('You see the limits of your own tenant only.');
    }
    return this.#useOf(tenant);
  }

  /** Replaces what was set for a tenant. Whatever it uses beyond a lower limit may go on.
   *  @param overrides what is absent is as the settings say */
  async set(tenant: string, overrides: LimitOverrides, caller: Caller): Promise<TenantUse> {
    await this.limits.set(tenant, overrides);
    this.audit.record(caller, { action: 'limits.set', tenant, target: null, details: { ...overrides } });
    // more slots, perhaps: nobody would tell the parked jobs before the next sweep
    const freed = await this.slots.unpark(tenant);
    if (freed.length > 0) this.fairQueue.onUnparked(freed);
    return this.#useOf(tenant);
  }

  async #useOf(tenant: string): Promise<TenantUse> {
    const [jobs, storedBytes, { used, reserved }, requestsPerMinute, activeJobs, streams] = await Promise.all([
      this.catalogue.openJobsOf(tenant),
      this.catalogue.storedBytesOf(tenant),
      this.ledger.today(tenant),
      this.requests.usedBy(tenant),
      this.slots.shareOf(tenant),
      this.streams.openStreamsOf(tenant),
    ]);
    const use: Record<LimitName, number> = {
      ...{ requestsPerMinute, storedBytes, tokensPerDay: used + reserved },
      ...{ queuedJobs: jobs.open, activeJobs: jobs.active, streams },
    };
    return { limits: inOrder({ ...this.limits.limitsOf(tenant), activeJobs }), use: inOrder(use) };
  }
}

function inOrder<T>(values: Readonly<Record<LimitName, T>>): Record<LimitName, T> {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, values[name]])) as Record<LimitName, T>;
}
