import { isDeepStrictEqual } from 'node:util';
import { type LimitOverrides, storedLimitsSchema } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';

/** How often a process looks for changes, milliseconds: a change must hold everywhere within 5 s. */
const POLL_MS = 1_000;

interface Copy {
  /** as in Redis; null: nothing was ever set */
  readonly version: string | null;
  readonly byTenant: ReadonlyMap<string, LimitOverrides>;
}

/** The limits that were set for tenants at run time: kept in Redis, with a copy in each process that asks, which follows
 *  within a second. While Redis is away the last known limits stand.
 *  @see docs/adr/0041-limits-are-copied-counts-are-not.md */
export class LimitDirectory {
  #copy: Copy | null = null;
  #isAsking = false;
  #timer: NodeJS.Timeout | null = null;

  /** told of a tenant whose limits have changed, in this process or another, once this one knows them */
  onChanged: (tenant: string) => void = () => {};

  /** @param onUnreadable told of a tenant whose limits this process cannot read, such as those of a newer version: what it
   *  knew of them before stands */
  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'limits' | 'limitsVersion'>,
    readonly onUnreadable: (tenant: string) => void = () => {},
  ) {}

  /** Reads the limits and then follows their changes, until it is closed. If Redis does not answer, nothing is set until it
   *  does. */
  async open(): Promise<void> {
    this.#timer ??= setInterval(() => void this.#follow(), POLL_MS).unref();
    await this.#follow();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** What was set for a tenant, as far as this process knows. */
  overridesOf(tenant: string): LimitOverrides {
    return this.#copy?.byTenant.get(tenant) ?? NOTHING_SET;
  }

  /** The tenants for which something was set, as far as this process knows. */
  get tenants(): string[] {
    return [...(this.#copy?.byTenant.keys() ?? [])];
  }

  /** Replaces what was set for a tenant. It holds in this process when it resolves, in others within a second or two.
   *  @param overrides empty: the settings apply again */
  async set(tenant: string, overrides: LimitOverrides): Promise<void> {
    const { limits, limitsVersion } = this.keys;
    const change = this.redis.multi();
    if (Object.keys(overrides).length === 0) change.hdel(limits, tenant);
    else change.hset(limits, tenant, JSON.stringify(overrides));
    // a counter could come to the same number again after Redis has lost it
    resultsOf(await change.set(limitsVersion, crypto.randomUUID()).exec());
    await this.#refresh();
  }

  /** Takes over what another Redis has, if that is not the same.
   *  @throws Error either does not answer */
  async mirror({ redis }: LimitDirectory): Promise<void> {
    const { limits, limitsVersion } = this.keys;
    const version = await redis.get(limitsVersion);
    if (version === null || version === (await this.redis.get(limitsVersion))) return;
    const [seen, byTenant] = resultsOf(await redis.multi().get(limitsVersion).hgetall(limits).exec());
    const entries = Object.entries(byTenant as Record<string, string>);
    const change = this.redis.multi().del(limits);
    if (entries.length > 0) change.hset(limits, new Map(entries));
    resultsOf(await change.set(limitsVersion, String(seen)).exec());
  }

  async #follow(): Promise<void> {
    // a Redis that hangs is asked once
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await this.#refresh();
    } catch {
      // Redis is away, which its connection logs: the last known limits stand
    } finally {
      this.#isAsking = false;
    }
  }

  async #refresh(): Promise<void> {
    const { limits, limitsVersion } = this.keys;
    const version = await this.redis.get(limitsVersion);
    if (this.#copy?.version === version) return;
    const [seen, byTenant] = resultsOf(await this.redis.multi().get(limitsVersion).hgetall(limits).exec());
    const entries = Object.entries(byTenant as Record<string, string>);
    const before = this.#copy?.byTenant;
    this.#copy = {
      version: seen as string | null,
      byTenant: new Map(entries.map(([tenant, json]) => [tenant, this.#read(tenant, json)])),
    };
    if (before !== undefined) this.#tellChanges(before, this.#copy.byTenant);
  }

  #tellChanges(before: Copy['byTenant'], after: Copy['byTenant']): void {
    for (const tenant of new Set([...before.keys(), ...after.keys()])) {
      if (!isDeepStrictEqual(before.get(tenant), after.get(tenant))) this.onChanged(tenant);
    }
  }

  #read(tenant: string, json: string): LimitOverrides {
    const { success, data } = storedLimitsSchema.safeParse(jsonIn(json));
    if (success) return data;
    this.onUnreadable(tenant);
    return this.overridesOf(tenant);
  }
}

/** @returns undefined: it is no JSON */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // as good as a value of a wrong type: the caller reports both
    return undefined;
  }
}

const NOTHING_SET: LimitOverrides = {};

/** @throws the first error among the replies of a transaction */
function resultsOf(replies: [Error | null, unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}
