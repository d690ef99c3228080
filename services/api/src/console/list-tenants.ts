import { DAY_MS, type LimitName, type TenantLimits } from '@millrace/contracts';
import type { LimitDirectory, ProcessReports, UsageLedger } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { seesAllTenants } from '../auth/listed-tenant.ts';
import { CredentialDirectory } from '../credentials/credential-directory.ts';
import { ReadUsage, type UsageItem } from '../jobs/read-usage.ts';
import { LimitTenant } from '../quota/limit-tenant.ts';
import type { ApiSettings } from '../settings.ts';
import { LIMIT_DIRECTORY, PROCESS_REPORTS, SETTINGS, USAGE_LEDGER } from '../tokens.ts';

/** Tenants that used nothing for this long, and have neither key nor limit of their own, are not listed, days. */
const LISTED_DAYS = 30;

/** What a tenant may use, uses now, and has used today (UTC). */
export interface TenantRow {
  readonly tenant: string;
  readonly limits: TenantLimits;
  readonly use: Readonly<Record<LimitName, number>>;
  /** which limits an admin has set */
  readonly overrides: readonly LimitName[];
  readonly today: Omit<UsageItem, 'tenant'>;
  /** keys that were made at run time */
  readonly keys: number;
}

/** Lists tenants with their limits and use, by name. */
@Injectable()
export class ListTenants {
  constructor(
    @Inject(LimitTenant) private readonly limitTenant: LimitTenant,
    @Inject(LIMIT_DIRECTORY) private readonly limits: LimitDirectory,
    @Inject(CredentialDirectory) private readonly credentials: CredentialDirectory,
    @Inject(ReadUsage) private readonly readUsage: ReadUsage,
    @Inject(USAGE_LEDGER) private readonly ledger: UsageLedger,
    @Inject(PROCESS_REPORTS) private readonly reports: ProcessReports,
    @Inject(SETTINGS) private readonly settings: ApiSettings,
  ) {}

  /** @param cursor the last tenant of the page before
   *  @returns for a manager the own tenant alone */
  async run(query: {
    caller: Caller;
    limit: number;
    cursor?: string | undefined;
  }): Promise<{ items: TenantRow[]; nextCursor: string | null }> {
    const { caller, limit, cursor = '' } = query;
    const today = Math.floor(Date.now() / DAY_MS);
    const seesAll = seesAllTenants(caller);
    const [keys, busy, usage] = await Promise.all([
      this.credentials.listKeys(),
      // it looks at thousands of jobs: not for a caller who is shown one tenant
      seesAll ? this.#busyTenants() : [],
      this.readUsage.run({ caller, from: today, to: today, by: 'tenant' }),
    ]);
    const all = seesAll ? await this.#names([...keys.map(({ tenant }) => tenant), ...busy], today) : [caller.tenant];
    const names = all.filter((name) => name > cursor).slice(0, limit);
    const items = await Promise.all(
      names.map(async (tenant): Promise<TenantRow> => {
        const { limits, use } = await this.limitTenant.show(tenant, caller);
        const { tenant: _, ...used } = usage.find((row) => row.tenant === tenant) ?? NOTHING;
        return {
          ...{ tenant, limits, use },
          overrides: Object.keys(this.limits.overridesOf(tenant)) as LimitName[],
          today: used,
          keys: keys.filter((key) => key.tenant === tenant).length,
        };
      }),
    );
    return { items, nextCursor: names.length < limit ? null : (names.at(-1) ?? null) };
  }

  async #busyTenants(): Promise<string[]> {
    const { tenants } = await this.reports.survey({ watches: false });
    return tenants.map(({ tenant }) => tenant);
  }

  async #names(known: readonly string[], today: number): Promise<string[]> {
    const used = await this.ledger.tenantsSince(today - LISTED_DAYS);
    const configured = this.settings.MILLRACE_API_KEYS.map(({ tenant }) => tenant);
    return [...new Set([...known, ...used, ...configured, ...this.limits.tenants])].sort((one, other) =>
      one < other ? -1 : 1,
    );
  }
}

const NOTHING: UsageItem = { jobs: 0, attempts: 0, inputTokens: 0, outputTokens: 0, estimatedTokens: 0 };
