import type { KeySpace, RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { KEYS, REDIS } from '../tokens.ts';

/** The pipeline that every worker has, known even when no worker is up. */
export const BUILT_IN_PIPELINE = 'chat';

/** How long an announcement of a worker counts, milliseconds. */
const FRESH_MS = 60_000;
/** How long this node caches the pipelines, milliseconds. */
const CACHE_MS = 5_000;

/** Knows the pipelines, which the workers announce in Redis. The API never loads them. */
@Injectable()
export class Pipelines {
  #known: ReadonlySet<string> = new Set([BUILT_IN_PIPELINE]);
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(KEYS) private readonly keys: KeySpace,
  ) {}

  async known(): Promise<ReadonlySet<string>> {
    if (performance.now() - this.#readAt < CACHE_MS) return this.#known;
    const announced = await this.redis.hgetall(this.keys.pipelines);
    const oldest = Date.now() - FRESH_MS;
    const fresh = Object.entries(announced).filter(([, lastSeenMs]) => Number(lastSeenMs) >= oldest);
    this.#known = new Set([BUILT_IN_PIPELINE, ...fresh.map(([name]) => name)]);
    this.#readAt = performance.now();
    return this.#known;
  }
}
