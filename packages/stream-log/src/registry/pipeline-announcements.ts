import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';

/** How long an announcement counts, milliseconds. */
const FRESH_MS = 60_000;
/** The whole list expires this long after the last announcement, milliseconds. */
const EXPIRE_MS = 120_000;

/** Which pipelines the workers have: they announce them, and the API, which loads none, believes that for a minute. */
export class PipelineAnnouncements {
  /** How often a worker announces its pipelines, milliseconds: two announcements may be lost. */
  static readonly EVERY_MS = 20_000;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'pipelines'>,
  ) {}

  /** Announces the pipelines of one worker, by this process's clock. */
  async announce(names: readonly string[]): Promise<void> {
    const now = Date.now();
    const seen = Object.fromEntries(names.map((name) => [name, now]));
    await this.redis.multi().hset(this.keys.pipelines, seen).pexpire(this.keys.pipelines, EXPIRE_MS).exec();
  }

  /** @returns the pipelines that a worker has announced within the last minute */
  async names(): Promise<string[]> {
    const announced = await this.redis.hgetall(this.keys.pipelines);
    const oldest = Date.now() - FRESH_MS;
    return Object.entries(announced).flatMap(([name, at]) => (Number(at) >= oldest ? [name] : []));
  }
}
