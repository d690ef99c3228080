import type { Followers, KeySpace, RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { FOLLOWERS, KEYS, REDIS } from '../tokens.ts';

/** How long the probe is kept, milliseconds: nothing of it may stay. */
const PROBE_KEPT_MS = 10_000;

/** Whether this node may be sent requests: Redis answers and takes writes, subscriptions are confirmed, and it is not about
 *  to stop. */
@Injectable()
export class Readiness {
  readonly #drain = new AbortController();

  constructor(
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(KEYS) private readonly keys: KeySpace,
    @Inject(FOLLOWERS) private readonly followers: Followers,
  ) {}

  /** Aborted when this node is to stop: whoever waits gives its answer now. */
  get drainSignal(): AbortSignal {
    return this.#drain.signal;
  }

  drain(): void {
    this.#drain.abort();
  }

  /** @returns why it is not ready; empty when it is */
  async obstacles(): Promise<string[]> {
    const obstacles: string[] = [];
    if (this.drainSignal.aborted) obstacles.push('draining');
    const redis = await this.#redisObstacle();
    if (redis !== null) obstacles.push(redis);
    if (!this.followers.ready) obstacles.push('subscriptions');
    return obstacles;
  }

  /** A Redis that is full, or a replica, answers a PING and takes no job. */
  async #redisObstacle(): Promise<string | null> {
    try {
      await this.redis.set(this.keys.writeProbe, '1', 'PX', PROBE_KEPT_MS);
      return null;
    } catch (error) {
      // the connection logs its outages
      return error instanceof Error && error.name === 'ReplyError' ? 'redis-writes' : 'redis';
    }
  }
}
