import type { Logger } from '@millrace/runtime';
import { PipelineAnnouncements } from '@millrace/stream-log';

/** Tells the API which pipelines this worker has. */
export class PipelineAnnouncer {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly announcements: PipelineAnnouncements,
    readonly names: readonly string[],
    readonly logger: Logger,
  ) {}

  /** Announces now and then regularly until {@link stop}. */
  start(): void {
    const announce = () => {
      this.announcements.announce(this.names).catch((error: unknown) => {
        this.logger.warn({ err: error }, 'pipelines not announced');
      });
    };
    this.#timer = setInterval(announce, PipelineAnnouncements.EVERY_MS);
    announce();
  }

  /** Does not withdraw the names: other workers may have them, and this worker's announcement expires. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
