import type { Logger } from '@millrace/runtime';
import type { TenantSlots } from '@millrace/stream-log';
import type { BeforeApplicationShutdown, OnModuleInit } from '@nestjs/common';

/** How often a worker announces its slots, milliseconds. An announcement counts for three times as long. */
const ANNOUNCE_MS = 5_000;

/** Announces this worker's slots before its first job, and withdraws them at shutdown. */
export class SlotAnnouncer implements OnModuleInit, BeforeApplicationShutdown {
  #isDrained = false;
  #timer: NodeJS.Timeout | null = null;

  /** @param worker the id of this worker */
  constructor(
    readonly worker: string,
    readonly slots: TenantSlots,
    readonly count: number,
    readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    this.#timer = setInterval(() => void this.#announce(), ANNOUNCE_MS);
    await this.#announce();
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    // not awaited: without Redis it would wait for ever, and the announcement expires
    this.slots.withdraw(this.worker).catch((error: unknown) => {
      this.logger.debug({ err: error }, 'slots not withdrawn');
    });
  }

  /** A drained worker has no slots to share out. */
  async setDrained(drained: boolean): Promise<void> {
    if (drained === this.#isDrained) return;
    this.#isDrained = drained;
    await this.#announce();
  }

  async #announce(): Promise<void> {
    try {
      await this.slots.announce(this.worker, this.#isDrained ? 0 : this.count);
    } catch (error) {
      this.logger.debug({ err: error }, 'slots not announced');
    }
  }
}
