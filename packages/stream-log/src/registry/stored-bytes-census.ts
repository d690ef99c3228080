import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';

/** Tenants that are counted, those that last used anything first. */
const MAX_TENANTS = 1_000;
/** Of these, the tenants with the most bytes, of which the kinds are looked at. */
const MAX_SAMPLED = 20;
/** How many entries of a tenant are looked at. */
const SAMPLE = 500;

/** Bytes in Redis by what they are: jobs (records and logs), threads (with their checkpoints), stores of agents. */
export interface StoredKinds {
  readonly jobs: number;
  readonly threads: number;
  readonly stores: number;
}

/** What the tenants have in Redis, at a cost that does not grow with it. The sum of each tenant is counted; what share of it
 *  jobs, threads and stores have is exact while a tenant has few, and else that of a sample. */
export class StoredBytesCensus {
  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'tenantsWithUsage' | 'storedBytesOf'>,
  ) {}

  async take(): Promise<StoredKinds> {
    const tenants = await this.redis.zrange(this.keys.tenantsWithUsage, '0', String(MAX_TENANTS - 1), 'REV');
    const totals = await Promise.all(
      tenants.map(async (tenant) => {
        const total = Number((await this.redis.hget(this.keys.storedBytesOf(tenant), 'total')) ?? 0);
        return { tenant, total };
      }),
    );
    const largest = totals.toSorted((one, other) => other.total - one.total);
    const sampled = await Promise.all(
      largest.slice(0, MAX_SAMPLED).map(async ({ tenant, total }) => sharedOut(total, await this.#sample(tenant))),
    );
    const known = sum(sampled);
    const others = largest.slice(MAX_SAMPLED).reduce((bytes, { total }) => bytes + total, 0);
    return sum([known, sharedOut(others, known)]);
  }

  async #sample(tenant: string): Promise<StoredKinds> {
    const [, entries] = await this.redis.hscan(this.keys.storedBytesOf(tenant), 0, 'COUNT', SAMPLE);
    const bytes = { jobs: 0, threads: 0, stores: 0 };
    for (let at = 0; at + 1 < entries.length; at += 2) {
      const [member = '', value] = entries.slice(at, at + 2);
      if (member !== 'total') bytes[kindOf(member)] += Number(value);
    }
    return bytes;
  }
}

function kindOf(member: string): keyof StoredKinds {
  if (member === 'store') return 'stores';
  return member.startsWith('thread:') ? 'threads' : 'jobs';
}

/** Shares bytes out as those of a sample are; without one they are of jobs, which all tenants have. */
function sharedOut(total: number, { jobs, threads, stores }: StoredKinds): StoredKinds {
  const all = jobs + threads + stores;
  if (all === 0) return { jobs: total, threads: 0, stores: 0 };
  const share = (part: number) => Math.round((total * part) / all);
  return { jobs: share(jobs), threads: share(threads), stores: share(stores) };
}

function sum(kinds: readonly StoredKinds[]): StoredKinds {
  const add = (one: StoredKinds, other: StoredKinds) => ({
    jobs: one.jobs + other.jobs,
    threads: one.threads + other.threads,
    stores: one.stores + other.stores,
  });
  return kinds.reduce(add, { jobs: 0, threads: 0, stores: 0 });
}
