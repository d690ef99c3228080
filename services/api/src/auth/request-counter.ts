import type { LimitState } from '../http/rate-limit.ts';

/** Bounds the requests of a tenant. */
export interface RequestCounter {
  /** Counts a request.
   *  @returns how many are left; null: there is no limit
   *  @throws TooManyRequests */
  take(tenant: string): Promise<LimitState | null>;
}
