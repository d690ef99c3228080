import type { ContentCipher, KeySpace, RedisConnection, Subscribers } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { CONTENT_CIPHER, KEYS, REDIS, SUBSCRIBERS } from '../tokens.ts';

/** How long Redis keeps the probe, milliseconds. */
const PROBE_KEPT_MS = 10_000;

/** Whether this node is ready for requests: Redis answers and accepts writes, subscriptions are confirmed, the master keys
 *  are those of what Redis holds, and the node is not stopping. */
@Injectable()
export class Readiness {
  readonly #drain = new AbortController();
  readonly #leave = new AbortController();

  constructor(
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(KEYS) private readonly keys: KeySpace,
    @Inject(SUBSCRIBERS) private readonly subscribers: Subscribers,
    @Inject(CONTENT_CIPHER) private readonly cipher: ContentCipher,
  ) {}

  /** Aborts when this node begins to stop: requests that wait must be answered now. */
  get drainSignal(): AbortSignal {
    return this.#drain.signal;
  }

  drain(): void {
    this.#drain.abort();
  }

  /** Aborts when this node closes: requests that could wait until now must be answered, too. */
  get leaveSignal(): AbortSignal {
    return this.#leave.signal;
  }

  leave(): void {
    this.#leave.abort();
  }

  /** @returns why the node is not ready; empty when it is */
  async obstacles(): Promise<string[]> {
    const obstacles: string[] = [];
    if (this.drainSignal.aborted) obstacles.push('draining');
    const redis = await this.#redisObstacle();
    if (redis !== null) obstacles.push(redis);
    if (!this.subscribers.ready) obstacles.push('subscriptions');
    if (this.cipher.isShut) obstacles.push('master-keys');
    return obstacles;
  }

  /** A full Redis, or a replica, answers a PING but accepts no job. */
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
