import type { Logger } from '@millrace/runtime';
import type { KeySpace, RedisConnection } from '@millrace/stream-log';

/** How often a worker announces its pipelines, milliseconds. The API trusts an announcement for a minute and then answers
 *  `UNKNOWN_PIPELINE`. */
const ANNOUNCE_MS = 20_000;

/** The whole list expires this long after the last announcement, milliseconds. */
const EXPIRE_MS = 120_000;

/** Tells the API which pipelines the workers have. */
export class PipelineAnnouncer {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'pipelines'>,
    readonly names: readonly string[],
    readonly logger: Logger,
  ) {}

  /** Announces now and every 20 s until {@link stop}. */
  start(): void {
    const announce = () => {
      this.announce().catch((error: unknown) => {
        this.logger.warn({ err: error }, 'pipelines not announced');
      });
    };
    this.#timer = setInterval(announce, ANNOUNCE_MS);
    announce();
  }

  /** Does not withdraw the names: other workers may have them, and this worker's announcement expires. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async announce(): Promise<void> {
    const now = Date.now();
    const seen = Object.fromEntries(this.names.map((name) => [name, now]));
    await this.redis.multi().hset(this.keys.pipelines, seen).pexpire(this.keys.pipelines, EXPIRE_MS).exec();
  }
}
