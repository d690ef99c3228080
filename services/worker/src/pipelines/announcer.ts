import type { Logger } from '@millrace/runtime';
import type { KeySpace, RedisConnection } from '@millrace/stream-log';

/** How often a worker says which pipelines it has, milliseconds. The API believes it for a minute, so that it can
 *  answer `UNKNOWN_PIPELINE` for a name that nobody says any more. */
const ANNOUNCE_MS = 20_000;

/** The whole list goes when the last worker has been away for this long, milliseconds. */
const EXPIRE_MS = 120_000;

/** Tells the API which pipelines there are. */
export class PipelineAnnouncer {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'pipelines'>,
    readonly names: readonly string[],
    readonly logger: Logger,
  ) {}

  /** Announces at once, and from then on every 20 s until {@link stop}. */
  start(): void {
    const announce = () => {
      this.announce().catch((error: unknown) => {
        this.logger.warn({ err: error }, 'pipelines not announced');
      });
    };
    this.#timer = setInterval(announce, ANNOUNCE_MS);
    announce();
  }

  /** Does not withdraw the names: other workers have them too, and this one's word expires by itself. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async announce(): Promise<void> {
    const now = Date.now();
    const seen = Object.fromEntries(this.names.map((name) => [name, now]));
    await this.redis.multi().hset(this.keys.pipelines, seen).pexpire(this.keys.pipelines, EXPIRE_MS).exec();
  }
}
