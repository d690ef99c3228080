import type { Logger } from '@millrace/runtime';
import type { TenantSlots } from '@millrace/stream-log';

/** How often a worker announces its slots, milliseconds. An announcement counts for three times as long. */
const ANNOUNCE_MS = 5_000;

/** Announces this worker's slots in one shard, and withdraws them at shutdown. */
export class SlotAnnouncer {
  #isDrained = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | null = null;

  /** @param worker the id of this worker
   *  @param count jobs of the shard that it runs at a time */
  constructor(
    readonly worker: string,
    readonly slots: Pick<TenantSlots, 'announce' | 'withdraw'>,
    readonly count: number,
    readonly logger: Logger,
  ) {}

  /** Announces them now and then regularly. Resolves after the first time. */
  async start(): Promise<void> {
    if (this.#isStopped) return;
    this.#timer = setInterval(() => void this.#announce(), ANNOUNCE_MS);
    await this.#announce();
  }

  stop(): void {
    this.#isStopped = true;
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
