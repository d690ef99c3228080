import type { Followers, RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { FOLLOWERS, REDIS } from '../tokens.ts';

/** Whether this node may be sent requests: Redis answers, subscriptions are confirmed, and it is not about to stop. */
@Injectable()
export class Readiness {
  readonly #drain = new AbortController();

  constructor(
    @Inject(REDIS) private readonly redis: RedisConnection,
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
    if (!(await this.#redisAnswers())) obstacles.push('redis');
    if (!this.followers.ready) obstacles.push('subscriptions');
    return obstacles;
  }

  async #redisAnswers(): Promise<boolean> {
    try {
      await this.redis.ping();
      return true;
    } catch {
      return false; // the connection logs its outages
    }
  }
}
