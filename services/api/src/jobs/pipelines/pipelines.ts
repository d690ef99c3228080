import { BUILT_IN_PIPELINE } from '@millrace/contracts';
import {
  type AnnouncedPipeline,
  type KeySpace,
  PipelineAnnouncements,
  type RedisConnection,
} from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { KEYS, REDIS } from '../../tokens.ts';

/** How long this node caches the pipelines, milliseconds. */
const CACHE_MS = 5_000;

export interface PipelineList {
  readonly items: readonly AnnouncedPipeline[];
  readonly nextCursor: null;
}

/** Knows the pipelines, which the workers announce in Redis. The API never loads them. */
@Injectable()
export class Pipelines {
  readonly #announcements: PipelineAnnouncements;
  #known: ReadonlyMap<string, AnnouncedPipeline> = new Map();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(@Inject(REDIS) redis: RedisConnection, @Inject(KEYS) keys: KeySpace) {
    this.#announcements = new PipelineAnnouncements(redis, keys);
  }

  /** @returns what the workers have announced, by name, and the built-in pipeline in any case */
  async known(): Promise<ReadonlyMap<string, AnnouncedPipeline>> {
    if (performance.now() - this.#readAt < CACHE_MS) return this.#known;
    const announced = (await this.#announcements.list()).map((pipeline) => [pipeline.name, pipeline] as const);
    const builtIn: AnnouncedPipeline = { name: BUILT_IN_PIPELINE, kind: 'pipeline', workers: [] };
    this.#known = new Map([[BUILT_IN_PIPELINE, builtIn], ...announced]);
    this.#readAt = performance.now();
    return this.#known;
  }

  /** All of them, in the order of their names. There are few: one page. */
  async list(): Promise<PipelineList> {
    const known = [...(await this.known()).values()];
    return { items: known.sort((one, other) => (one.name < other.name ? -1 : 1)), nextCursor: null };
  }
}
