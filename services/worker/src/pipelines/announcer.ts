import type { PipelineInfo } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { PipelineAnnouncements } from '@millrace/stream-log';

/** Tells the API which pipelines this worker has. */
export class PipelineAnnouncer {
  readonly #since = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #isAnnounced = false;

  /** @param worker the id of this worker
   *  @param announcements of each shard: none waits for another */
  constructor(
    readonly worker: string,
    readonly announcements: readonly Pick<PipelineAnnouncements, 'announce'>[],
    readonly pipelines: readonly PipelineInfo[],
    readonly logger: Logger,
  ) {}

  /** whether they were announced once, in any shard: jobs for them are accepted */
  get announced(): boolean {
    return this.#isAnnounced;
  }

  /** Announces now and then regularly until {@link stop}. */
  start(): void {
    const announce = () => {
      const { pipelines, worker } = this;
      for (const announcements of this.announcements) {
        announcements.announce({ worker, since: this.#since, pipelines }).then(
          () => {
            this.#isAnnounced = true;
          },
          (error: unknown) => this.logger.warn({ err: error }, 'pipelines not announced'),
        );
      }
    };
    this.#timer = setInterval(announce, PipelineAnnouncements.EVERY_MS);
    announce();
  }

  /** Does not withdraw them: other workers may have them, and this worker's announcement expires. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
