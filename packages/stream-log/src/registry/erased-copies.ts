import { type JobRef, tenantOf } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** When a worker looks after a copy that its eraser has not reported as gone, and how long it then has for it, milliseconds. */
const LOOK_AFTER_MS = 30_000;

/** A tenant that was erased, and when: ms since the epoch by Redis's clock. */
export interface ErasedTenant {
  readonly tenant: string;
  readonly erasedAt: number;
}

/** Erased jobs and tenants whose copies in the archive may still be there. Noted before anything is erased, and forgotten when
 *  nothing is left, so that an erasure outlives a crash and an archive that is away. Meanwhile nobody reads the copies. */
export class ErasedCopies {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** To be called before the job is erased from Redis. */
  async note(ref: JobRef): Promise<void> {
    await this.#run('mark-erased', [this.keys.erasedCopies], [ref, LOOK_AFTER_MS]);
  }

  /** The archive has no copy.
   *  @param isWriter whether the caller is the worker that had the job's lease. Otherwise a worker that is just writing it erases
   *    its copy itself */
  async forget(ref: JobRef, { isWriter = false } = {}): Promise<void> {
    await this.#run('note-erased', [this.keys.erasedCopies, this.keys.archivingJobs], [ref, isWriter ? '1' : '']);
  }

  /** @returns jobs whose eraser has not reported back, `limit` at most */
  async due(limit: number): Promise<JobRef[]> {
    const now = await this.#nowMs();
    const refs = await this.redis.zrange(this.keys.erasedCopies, '-inf', String(now), 'BYSCORE', 'LIMIT', 0, limit);
    // the next worker looks later
    if (refs.length > 0) {
      const later = refs.flatMap((ref) => [now + LOOK_AFTER_MS, ref]);
      await this.redis.zadd(this.keys.erasedCopies, 'XX', ...later);
    }
    return refs as JobRef[];
  }

  /** From now on nobody reads what the archive has of the tenant, until {@link forgetTenant}.
   *  @returns when: what comes later stays */
  async noteTenant(tenant: string): Promise<number> {
    return Number(await this.#run('mark-erased', [this.keys.erasedTenants], [tenant, 0]));
  }

  /** The archive has nothing more of the tenant, unless it was erased again since. */
  async forgetTenant({ tenant, erasedAt }: ErasedTenant): Promise<void> {
    const noted = await this.redis.zscore(this.keys.erasedTenants, tenant);
    if (Number(noted) === erasedAt) await this.redis.zrem(this.keys.erasedTenants, tenant);
  }

  /** @param copies in the archive
   *  @returns those that may be read: neither they nor their tenants, at the time, are erased */
  async readable<Copy extends { readonly ref: JobRef; readonly finishedAt: number }>(
    copies: readonly Copy[],
  ): Promise<Copy[]> {
    if (copies.length === 0) return [];
    const tenants = [...new Set(copies.map(({ ref }) => tenantOf(ref)))];
    const [jobs, times] = await Promise.all([
      this.redis.zmscore(this.keys.erasedCopies, ...copies.map(({ ref }) => ref)),
      this.redis.zmscore(this.keys.erasedTenants, ...tenants),
    ]);
    const erasedAt = (tenant: string) => Number(times[tenants.indexOf(tenant)] ?? Number.NEGATIVE_INFINITY);
    return copies.filter(({ ref, finishedAt }, nth) => jobs[nth] === null && finishedAt > erasedAt(tenantOf(ref)));
  }

  async tenants(): Promise<ErasedTenant[]> {
    const reply = await this.redis.zrange(this.keys.erasedTenants, '0', '99', 'WITHSCORES');
    return reply.flatMap((tenant, place) => (place % 2 === 0 ? { tenant, erasedAt: Number(reply[place + 1]) } : []));
  }

  /** @returns how many jobs and tenants are noted */
  async count(): Promise<number> {
    const [jobs, tenants] = await Promise.all([
      this.redis.zcard(this.keys.erasedCopies),
      this.redis.zcard(this.keys.erasedTenants),
    ]);
    return jobs + tenants;
  }

  async #nowMs(): Promise<number> {
    const [seconds, micros] = await this.redis.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }
}
