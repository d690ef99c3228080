import type { Logger } from '@millrace/runtime';
import type { SlotPolicy, TenantSlots } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type ApiSettings, needsCredentials } from '../settings.ts';
import { LOGGER, SETTINGS, TENANT_SLOTS } from '../tokens.ts';

/** How often to announce the policy, milliseconds. Redis may have lost it, and workers may be new. */
const REPEAT_MS = 5_000;

/** Tells the workers how many slots one tenant may hold, because they know no API keys. */
@Injectable()
export class SlotPolicyAnnouncer implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #policy: SlotPolicy;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(TENANT_SLOTS) private readonly slots: TenantSlots,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    // without keys there is one tenant, which may use all slots
    this.#policy = settings.MILLRACE_MAX_ACTIVE_PER_TENANT ?? (needsCredentials(settings) ? 'share' : 'none');
  }

  /** Announces the policy before the first request. */
  async onApplicationBootstrap(): Promise<void> {
    this.#timer = setInterval(() => void this.#announce(), REPEAT_MS);
    await this.#announce();
  }

  onApplicationShutdown(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #announce(): Promise<void> {
    try {
      await this.slots.setPolicy(this.#policy);
    } catch (error) {
      this.logger.debug({ err: error }, 'slot policy not announced');
    }
  }
}
