import type { Logger } from '@millrace/runtime';
import type { RedisConnection, Subscribers } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LOGGER, REDIS, SUBSCRIBERS } from '../tokens.ts';
import { Metrics } from './metrics.ts';
import { RedisClock } from './redis-clock.ts';

/** How often Redis is asked for its time, milliseconds. */
const ASK_MS = 10_000;

/** Measures how long events take from the log to the readers that wait for them. Readers who catch up are not measured: what
 *  they read was stored at any time. */
@Injectable()
export class WatchLag implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #clock: RedisClock;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SUBSCRIBERS) private readonly subscribers: Subscribers,
    @Inject(REDIS) redis: RedisConnection,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#clock = new RedisClock(redis);
  }

  onApplicationBootstrap(): void {
    this.subscribers.onGiven = (storedAt) => {
      const now = this.#clock.now();
      if (now !== null) this.metrics.given(now - storedAt);
    };
    this.#ask();
    this.#timer = setInterval(() => this.#ask(), ASK_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
    this.subscribers.onGiven = null;
  }

  #ask(): void {
    this.#clock.ask().catch((error: unknown) => this.logger.debug({ err: error }, 'time of Redis not known'));
  }
}
