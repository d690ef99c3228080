import { BUILT_IN_PIPELINE } from '@millrace/contracts';
import type { AnnouncedPipeline, Shards } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { ShardPorts } from '../../shards/shard-ports.ts';
import { SHARD_PORTS, SHARDS } from '../../tokens.ts';

/** How long this node caches the pipelines, milliseconds. */
const CACHE_MS = 5_000;
/** How often it may ask again for a pipeline that it does not know, milliseconds: a worker may just have started. */
const ASK_AGAIN_MS = 100;

export interface PipelineList {
  readonly items: readonly AnnouncedPipeline[];
  readonly nextCursor: null;
}

/** Knows the pipelines, which the workers announce in Redis. The API never loads them. */
@Injectable()
export class Pipelines {
  #known: ReadonlyMap<string, AnnouncedPipeline> = new Map();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(
    @Inject(SHARD_PORTS) private readonly parts: readonly ShardPorts[],
    @Inject(SHARDS) private readonly shards: Shards,
  ) {}

  /** @returns what the workers have announced, by name, and the built-in pipeline in any case */
  async known(): Promise<ReadonlyMap<string, AnnouncedPipeline>> {
    await this.#readIfOlderThan(CACHE_MS);
    return this.#known;
  }

  /** @returns null: no worker has announced such a pipeline by now */
  async find(name: string): Promise<AnnouncedPipeline | null> {
    const known = (await this.known()).get(name);
    if (known !== undefined) return known;
    await this.#readIfOlderThan(ASK_AGAIN_MS);
    return this.#known.get(name) ?? null;
  }

  async #readIfOlderThan(ageMs: number): Promise<void> {
    if (performance.now() - this.#readAt < ageMs) return;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    // what is announced while Redis answers must not count as read
    const readAt = performance.now();
    // a worker announces its pipelines in every shard
    const { results } = await this.shards.gather(this.parts, ({ announcements }) => announcements.list());
    const announced = results.flat().map((pipeline) => [pipeline.name, pipeline] as const);
    const builtIn: AnnouncedPipeline = { name: BUILT_IN_PIPELINE, kind: 'pipeline', workers: [] };
    this.#known = new Map([[BUILT_IN_PIPELINE, builtIn], ...announced]);
    this.#readAt = readAt;
  }

  /** All of them, in the order of their names. There are few: one page. */
  async list(): Promise<PipelineList> {
    const known = [...(await this.known()).values()];
    return { items: known.sort((one, other) => (one.name < other.name ? -1 : 1)), nextCursor: null };
  }
}
