import type { RedisConnection } from '@millrace/stream-log';

/** Answers that an estimate is made of: a minute of them, as {@link WatchLag} asks. */
const MAX_SAMPLES = 6;

interface Sample {
  readonly roundTripMs: number;
  /** Redis's clock minus performance.now(), milliseconds */
  readonly aheadMs: number;
}

/** Redis's clock, as this process knows it: the two may be on machines whose clocks differ. Redis is asked for its time now
 *  and then, and of the last answers the quickest counts: it is wrong by half its round trip at most. */
export class RedisClock {
  readonly #samples: Sample[] = [];
  #aheadMs: number | null = null;

  /** @param redis on a cluster, any of its nodes answers: their clocks must agree */
  constructor(readonly redis: Pick<RedisConnection, 'time'>) {}

  /** Asks Redis. While it does not answer, its time is not known: another one may come in its place.
   *  @throws Error Redis does not answer */
  async ask(): Promise<void> {
    try {
      const sentAt = performance.now();
      const [seconds, micros] = await this.redis.time();
      const roundTripMs = performance.now() - sentAt;
      const redisMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
      this.#samples.push({ roundTripMs, aheadMs: redisMs - sentAt - roundTripMs / 2 });
      if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
    } catch (error) {
      this.#samples.length = 0;
      throw error;
    } finally {
      const best = this.#samples.toSorted((one, other) => one.roundTripMs - other.roundTripMs)[0];
      this.#aheadMs = best?.aheadMs ?? null;
    }
  }

  /** @returns ms since the epoch by Redis's clock; null while that is not known */
  now(): number | null {
    return this.#aheadMs === null ? null : performance.now() + this.#aheadMs;
  }
}
