import type { Shards } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type ApiSettings, needsCredentials } from '../settings.ts';
import type { ShardPorts } from '../shards/shard-ports.ts';
import { SETTINGS, SHARD_PORTS, SHARDS } from '../tokens.ts';

/** How often to read the memory limit of Redis, milliseconds. It can change at run time. */
const REFRESH_MS = 30_000;

/** The share of Redis's memory for all tenants. The rest is for BullMQ, clients, and the ends of jobs. */
const SHARE_OF_ALL = 0.8;

/** The most parts that this share is divided into. More tenants overcommit it: hardly all of them fill it at once. */
const MAX_SHARES = 4;

/** The limit if Redis has no `maxmemory`, bytes. */
const UNBOUNDED_REDIS_BYTES = 1024 ** 3;

/** How many bytes a tenant may use in Redis unless a limit of its own is set (law 16). Without a setting it is a share of
 *  Redis's memory, so that one tenant alone cannot fill it. Without keys there is one tenant, and no limit. */
@Injectable()
export class StoredBytesShare implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #shares: number;
  readonly #isFixed: boolean;
  #max: number | null;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(SHARD_PORTS) private readonly parts: readonly ShardPorts[],
    @Inject(SHARDS) private readonly shards: Shards,
  ) {
    const { MILLRACE_MAX_STORED_BYTES_PER_TENANT: max, MILLRACE_AUTH: kinds = [], MILLRACE_API_KEYS: keys } = settings;
    const hasTenants = needsCredentials(settings);
    // an issuer may name any number of tenants
    const tenants = kinds.includes('jwt') ? MAX_SHARES : new Set(keys.map(({ tenant }) => tenant)).size;
    this.#shares = Math.min(tenants, MAX_SHARES);
    this.#isFixed = max !== undefined || !hasTenants;
    this.#max = max ?? (hasTenants ? UNBOUNDED_REDIS_BYTES : null);
  }

  /** bytes; null: no limit */
  get max(): number | null {
    return this.#max;
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.#isFixed) return;
    this.#timer = setInterval(() => void this.#refresh(), REFRESH_MS);
    await this.#refresh();
  }

  onApplicationShutdown(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #refresh(): Promise<void> {
    try {
      const bytes = await this.#maxMemory();
      this.#max = bytes === 0 ? UNBOUNDED_REDIS_BYTES : Math.floor((bytes * SHARE_OF_ALL) / this.#shares);
    } catch {
      // Redis is down, which its connection has logged, or hides its memory limit: the last known limit stands
    }
  }

  /** @returns of all shards, if those that do not answer are like the others, bytes; 0: no limit */
  async #maxMemory(): Promise<number> {
    const { results } = await this.shards.gather(this.parts, (part) => maxMemoryOf(part));
    const sum = results.reduce((all, each) => all + each, 0);
    return results.includes(0) ? 0 : (sum * this.shards.count) / results.length;
  }
}

/** @returns bytes; 0: no limit */
async function maxMemoryOf({ redis }: ShardPorts): Promise<number> {
  const nodes = 'nodes' in redis ? redis.nodes('master') : [redis];
  const infos = await Promise.all(nodes.map((node) => node.info('memory')));
  const bytes = infos.map((info) => Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0));
  return bytes.includes(0) ? 0 : bytes.reduce((sum, each) => sum + each, 0);
}
