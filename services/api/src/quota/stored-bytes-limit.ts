import type { RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ApiSettings } from '../settings.ts';
import { REDIS, SETTINGS } from '../tokens.ts';

/** How often Redis is asked how much it may hold, milliseconds: it can be told at run time. */
const REFRESH_MS = 30_000;

/** What all tenants together may have of Redis's memory; the rest is BullMQ's, the clients' and for ends and cancels. */
const SHARE_OF_ALL = 0.8;

/** Beyond so many tenants the store is promised more than once: hardly all of them fill it at the same time. */
const MOST_SHARES = 4;

/** For a Redis without `maxmemory`, bytes. */
const UNBOUNDED_REDIS_BYTES = 1024 ** 3;

/** How many bytes one tenant's jobs may have in Redis (law 16). Without a setting it is a share of what Redis may hold, so
 *  that one tenant alone cannot fill it; without keys there is one tenant, and no limit. */
@Injectable()
export class StoredBytesLimit implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #shares: number;
  readonly #isFixed: boolean;
  #most: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(REDIS) private readonly redis: RedisConnection,
  ) {
    const { MILLRACE_MAX_STORED_BYTES_PER_TENANT: most, MILLRACE_AUTH: auth, MILLRACE_API_KEYS: keys } = settings;
    this.#shares = Math.min(new Set(keys.map(({ tenant }) => tenant)).size, MOST_SHARES);
    this.#isFixed = most !== undefined || auth !== 'apikey';
    this.#most = most ?? (auth === 'apikey' ? UNBOUNDED_REDIS_BYTES : Number.MAX_SAFE_INTEGER);
  }

  get most(): number {
    return this.#most;
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
      this.#most = bytes === 0 ? UNBOUNDED_REDIS_BYTES : Math.floor((bytes * SHARE_OF_ALL) / this.#shares);
    } catch {
      // Redis is away, which its connection has logged, or does not say: what was known last stands
    }
  }

  /** @returns bytes; 0: not bounded */
  async #maxMemory(): Promise<number> {
    const nodes = 'nodes' in this.redis ? this.redis.nodes('master') : [this.redis];
    const infos = await Promise.all(nodes.map((node) => node.info('memory')));
    const bytes = infos.map((info) => Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0));
    return bytes.includes(0) ? 0 : bytes.reduce((sum, each) => sum + each, 0);
  }
}
