import { BUILT_IN_PIPELINE } from '@millrace/contracts';
import { type KeySpace, PipelineAnnouncements, type RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { KEYS, REDIS } from '../tokens.ts';

/** How long this node caches the pipelines, milliseconds. */
const CACHE_MS = 5_000;

/** Knows the pipelines, which the workers announce in Redis. The API never loads them. */
@Injectable()
export class Pipelines {
  readonly #announcements: PipelineAnnouncements;
  #known: ReadonlySet<string> = new Set([BUILT_IN_PIPELINE]);
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(@Inject(REDIS) redis: RedisConnection, @Inject(KEYS) keys: KeySpace) {
    this.#announcements = new PipelineAnnouncements(redis, keys);
  }

  async known(): Promise<ReadonlySet<string>> {
    if (performance.now() - this.#readAt < CACHE_MS) return this.#known;
    this.#known = new Set([BUILT_IN_PIPELINE, ...(await this.#announcements.names())]);
    this.#readAt = performance.now();
    return this.#known;
  }
}
