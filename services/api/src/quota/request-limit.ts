import type { Logger } from '@millrace/runtime';
import type { KeySpace, RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterRes } from 'rate-limiter-flexible';
import type { RequestCounter } from '../auth/request-counter.ts';
import { Metrics } from '../health/metrics.ts';
import { TooManyRequests } from '../http/problem.ts';
import type { LimitState } from '../http/rate-limit.ts';
import { KEYS, LOGGER, REDIS } from '../tokens.ts';
import { LocalCounts, SharedCounts } from './local-counts.ts';
import { withPatience } from './patience.ts';
import { TenantLimits } from './tenant-limits.ts';

/** How long a request waits for its count, milliseconds. With the commands that follow, a caller still hears within 2 s that
 *  Redis is away (law 12). */
const PATIENCE_MS = 250;
/** Different limits that are kept at a time: an admin may set any number of them one after the other. */
const MAX_LIMITERS = 1_000;

/** The shortest time between two lines of the log that say so, milliseconds. */
const QUIET_MS = 60_000;

interface Limiter {
  readonly counts: SharedCounts;
  /** of this node, for when Redis does not answer; a count that comes too late there is not taken back here */
  readonly local: LocalCounts;
}

/** Bounds the requests of a tenant within a minute, on all nodes together; the minute begins with the first one. Once the
 *  limit is reached, a node refuses on its own until the minute is over. While Redis is away, each node counts for itself. */
@Injectable()
export class RequestLimit implements RequestCounter {
  /** by limit. The counts are in Redis, by tenant: another limit goes on with them */
  readonly #limiters = new Map<number, Limiter>();
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(TenantLimits) private readonly limits: TenantLimits,
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(KEYS) private readonly keys: KeySpace,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async take(tenant: string): Promise<LimitState | null> {
    const { requestsPerMinute: max } = this.limits.limitsOf(tenant);
    if (max === null) return null;
    try {
      const { remainingPoints, msBeforeNext } = await this.#count(this.#limiterOf(max), tenant);
      const resetSeconds = Math.ceil(msBeforeNext / 1_000);
      return { name: 'requestsPerMinute', max, remaining: remainingPoints, resetSeconds };
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) throw new TooManyRequests(max, secondsOf(refusal));
      throw refusal;
    }
  }

  /** @returns how many requests were counted in the minute that runs; those that were refused do not count */
  async usedBy(tenant: string): Promise<number> {
    const { requestsPerMinute: max } = this.limits.limitsOf(tenant);
    if (max === null) return 0;
    const counted = await this.#limiterOf(max).counts.get(tenant);
    return Math.min(counted?.consumedPoints ?? 0, max);
  }

  /** @throws RateLimiterRes the limit is reached */
  async #count({ counts, local }: Limiter, tenant: string): Promise<RateLimiterRes> {
    try {
      return await withPatience(counts.consume(tenant), PATIENCE_MS);
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) throw refusal;
      return local.consume(tenant);
    }
  }

  #countedLocally(counts: SharedCounts): void {
    this.metrics.countedLocally();
    const now = performance.now();
    if (now - this.#loggedAt < QUIET_MS) return;
    this.#loggedAt = now;
    // without an error: Redis took too long
    this.logger.warn({ err: counts.takeFailure() }, 'requests are counted by this node alone');
  }

  #limiterOf(max: number): Limiter {
    const known = this.#limiters.get(max);
    if (known !== undefined) return known;
    if (this.#limiters.size >= MAX_LIMITERS) this.#limiters.clear();
    const policy = { keyPrefix: this.keys.requestCounts, points: max, duration: 60 };
    const counts = new SharedCounts({
      ...policy,
      storeClient: this.redis,
      rejectIfRedisNotReady: true,
      inMemoryBlockOnConsumed: max,
    });
    const local = new LocalCounts(policy, () => this.#countedLocally(counts));
    const limiter = { counts, local };
    this.#limiters.set(max, limiter);
    return limiter;
  }
}

/** At least 1: a client that waits for 0 s would be refused again. */
function secondsOf({ msBeforeNext }: RateLimiterRes): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1_000));
}
