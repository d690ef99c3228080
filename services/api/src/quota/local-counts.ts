import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** Counts in Redis, and remembers why it could not. */
export class SharedCounts extends RateLimiterRedis {
  #failure: unknown;

  /** @returns why the last counts failed, once */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  override async consume(...given: Parameters<RateLimiterRedis['consume']>): Promise<RateLimiterRes> {
    try {
      return await super.consume(...given);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) this.#failure = refusal;
      throw refusal;
    }
  }
}

/** Counts in this process, and says so. */
export class LocalCounts extends RateLimiterMemory {
  constructor(
    policy: ConstructorParameters<typeof RateLimiterMemory>[0],
    readonly onCount: () => void,
  ) {
    super(policy);
  }

  override consume(...given: Parameters<RateLimiterMemory['consume']>): Promise<RateLimiterRes> {
    this.onCount();
    return super.consume(...given);
  }
}
