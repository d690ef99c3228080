import { type JobRef, tenantOf } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** How much of Redis thawed jobs may take at a time, bytes. */
export interface ThawLimits {
  readonly maxBytes: number;
  /** of one tenant */
  readonly maxBytesOfTenant: number;
}

/** `gone`: the job is erased. `erasing`: its tenant is just being erased. `full`: too much is thawed already. */
type ThawVerdict = 'counted' | 'gone' | 'erasing' | 'full';

const VERDICTS = new Map<number, ThawVerdict>([
  [1, 'counted'],
  [0, 'gone'],
  [-1, 'erasing'],
  [-2, 'full'],
]);

/** Jobs that are in Redis again for a while, on all nodes together. */
export class ThawedJobs {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    readonly limits: ThawLimits,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Counts a job, before it is read (without bytes) and before it is stored.
   *  @param ttlMs how long it stays, milliseconds */
  count(ref: JobRef, { bytes, ttlMs }: { readonly bytes: number; readonly ttlMs: number }): Promise<ThawVerdict> {
    return this.#count(ref, bytes, ttlMs);
  }

  /** The archive does not have a job that was to be read. */
  async forget(ref: JobRef): Promise<void> {
    await this.#count(ref, '', 0);
  }

  async #count(ref: JobRef, bytes: number | '', ttlMs: number): Promise<ThawVerdict> {
    const { thawedJobs, thawedBytes, erasedCopies, erasedTenants } = this.keys;
    const keys = [thawedJobs, thawedBytes, erasedCopies, erasedTenants];
    const { maxBytes, maxBytesOfTenant } = this.limits;
    const reply = await this.#run('thawing', keys, [ref, tenantOf(ref), bytes, maxBytes, maxBytesOfTenant, ttlMs]);
    return VERDICTS.get(Number(reply)) ?? 'gone';
  }

  /** @returns the jobs of a tenant that are thawed, or just being thawed */
  async of(tenant: string): Promise<JobRef[]> {
    const refs = (await this.redis.zrange(this.keys.thawedJobs, '0', '-1')) as JobRef[];
    return refs.filter((ref) => tenantOf(ref) === tenant);
  }

  /** @returns what they take, bytes; those that have left may still be counted for a while */
  async bytes(): Promise<number> {
    return Number((await this.redis.hget(this.keys.thawedBytes, 'total')) ?? 0);
  }
}
