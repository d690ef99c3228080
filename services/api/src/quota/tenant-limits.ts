import type { LimitOverrides, TenantLimits as Limits } from '@millrace/contracts';
import type { LimitDirectory } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ApiSettings } from '../settings.ts';
import { LIMIT_DIRECTORY, SETTINGS } from '../tokens.ts';
import { StoredBytesShare } from './stored-bytes-share.ts';

/** What each tenant may use: what an admin has set for it, and otherwise what the settings say. @see PROTOCOL.md §11 */
@Injectable()
export class TenantLimits implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #ofSettings: Omit<Limits, 'storedBytes'>;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(LIMIT_DIRECTORY) private readonly directory: LimitDirectory,
    @Inject(StoredBytesShare) private readonly storedBytes: StoredBytesShare,
  ) {
    this.#ofSettings = {
      requestsPerMinute: settings.MILLRACE_MAX_REQUESTS_PER_MINUTE_PER_TENANT ?? null,
      queuedJobs: settings.MILLRACE_MAX_JOBS_PER_TENANT,
      activeJobs: settings.MILLRACE_MAX_ACTIVE_PER_TENANT ?? null,
      streams: settings.MILLRACE_MAX_STREAMS_PER_TENANT,
      tokensPerDay: settings.MILLRACE_MAX_TOKENS_PER_DAY_PER_TENANT ?? null,
    };
  }

  /** Answers from this node's copy: at once, also while Redis is away. A change on another node holds within 5 s.
   *  `activeJobs` is enforced by the workers; null without a setting also where tenants share the slots. */
  limitsOf(tenant: string): Limits {
    return { ...this.#ofSettings, storedBytes: this.storedBytes.max, ...this.directory.overridesOf(tenant) };
  }

  /** Replaces what was set for a tenant.
   *  @param overrides what is absent is as the settings say */
  async set(tenant: string, overrides: LimitOverrides): Promise<void> {
    await this.directory.set(tenant, overrides);
  }

  /** @param listener told of each tenant whose limits have changed, on any node, once this one knows them */
  onChanged(listener: (tenant: string) => void): void {
    this.directory.onChanged = listener;
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.directory.open();
  }

  onApplicationShutdown(): void {
    this.directory.close();
  }
}
