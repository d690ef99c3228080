import { type JobRef, jobRef, shardNamedBy, tenantOf } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import type { FairQueue } from '../registry/fair-queue.ts';
import { digestOf, type IdempotencyKeys } from '../registry/idempotency-keys.ts';
import type { JobCatalogue, JobPage } from '../registry/job-catalogue.ts';
import type { LimitDirectory } from '../registry/limit-directory.ts';
import type { TenantSlots } from '../registry/tenant-slots.ts';
import type { UsageLedger } from '../registry/usage-ledger.ts';
import type { WebhookJobs } from '../registry/webhook-jobs.ts';
import { byShard, type Facade } from './by-shard.ts';
import { joinedPage, type Order } from './merged-pages.ts';
import type { Gathered, Shards } from './shards.ts';

/** Which jobs are open in each shard. Each has a queue of its own, with fair turns of its own. */
export function joinedFairQueue(parts: readonly FairQueue[], shards: Shards): FairQueue {
  const queue: Facade<FairQueue> & Pick<FairQueue, 'onUnparked'> = {
    ...byShard(parts, ofJob(shards), [
      ...(['admit', 'priorityOf', 'restore', 'markStarted'] as const),
      ...(['markReleased', 'freeSlot', 'retire', 'positionOf'] as const),
    ]),
    // the record is gone, and with it what says where the lists have the job
    dropAdmission: async (ref, threadId) => {
      await Promise.all(shards.placesOfJob(ref).map((shard) => parts[shard]?.dropAdmission(ref, threadId)));
    },
    pruneStale: () => done(shards.everywhere(parts, (part) => part.pruneStale())),
    get onUnparked() {
      return (parts[0] as FairQueue).onUnparked;
    },
    set onUnparked(unparked: FairQueue['onUnparked']) {
      for (const part of parts) part.onUnparked = unparked;
    },
  };
  return queue as FairQueue;
}

/** The jobs of all shards in one order. Where a shard does not answer, its jobs are left out, and the page says so. */
export function joinedCatalogue(parts: readonly JobCatalogue[], shards: Shards): JobCatalogue {
  const catalogue: Facade<JobCatalogue> = {
    list: async (query) => jobPage(await shards.gather(parts, (part) => part.list(query)), 'descending', query.limit),
    open: async (query) => jobPage(await shards.gather(parts, (part) => part.open(query)), 'ascending', query.limit),
    unlisted: async (refs) => {
      const unlisted = await shards.everywhere(parts, (part) => part.unlisted(refs));
      return refs.filter((ref) => unlisted.every((part) => part.includes(ref)));
    },
    holdersOf: async (jobId) => {
      const named = shardNamedBy(jobId);
      const holders = (part: JobCatalogue) => part.holdersOf(jobId);
      if (named !== null && named < shards.count) return holders(parts[named] as JobCatalogue);
      return shards.findIn(parts, holders);
    },
    account: (jobs) => done(shards.divided(parts, jobs, (part, own) => part.account(own))),
    openJobsOf: async (tenant) => {
      const { results } = await shards.gather(parts, (part) => part.openJobsOf(tenant));
      return { open: sum(results.map(({ open }) => open)), active: sum(results.map(({ active }) => active)) };
    },
    storedBytesOf: async (tenant) => sum((await shards.gather(parts, (part) => part.storedBytesOf(tenant))).results),
    storedBytesElsewhere: (ref) => sumElsewhere(parts, shards, ref, (part) => part.storedBytesOf(tenantOf(ref))),
    mayHaveLeftSince: async (place) => {
      const { results, isPartial } = await shards.gather(parts, (part) => part.mayHaveLeftSince(place));
      return isPartial || results.includes(true);
    },
    purgeExpired: async (limit) => Math.max(...(await shards.everywhere(parts, (part) => part.purgeExpired(limit)))),
  };
  return catalogue as JobCatalogue;
}

/** The slots of the workers, which each shard has a part of: what a tenant may hold is the sum. */
export function joinedSlots(parts: readonly TenantSlots[], shards: Shards): TenantSlots {
  const slots: Facade<TenantSlots> = {
    ...byShard(parts, ofJob(shards), ['pickUp', 'park']),
    setPolicy: (policy) => done(shards.everywhere(parts, (part) => part.setPolicy(policy))),
    announce: (worker, count) =>
      done(shards.everywhere(parts, (part) => part.announce(worker, Math.ceil(count / shards.count)))),
    withdraw: (worker) => done(shards.everywhere(parts, (part) => part.withdraw(worker))),
    toQueueAgain: async (missing) =>
      (await shards.divided(parts, missing, (part, own) => part.toQueueAgain(own))).flat(),
    shareOf: async (tenant) => {
      const { results } = await shards.gather(parts, (part) => part.shareOf(tenant));
      return results.includes(null) ? null : sum(results.map(Number));
    },
    unpark: async (tenant) => (await shards.gather(parts, (part) => part.unpark(tenant))).results.flat(),
  };
  return slots as TenantSlots;
}

/** What tenants have used in all shards. Bills must be whole: while a shard does not answer, there are none. */
export function joinedLedger(parts: readonly UsageLedger[], shards: Shards): UsageLedger {
  const ledger: Facade<UsageLedger> = {
    ...byShard(parts, ofJob(shards), ['meter', 'reserve', 'giveUp']),
    limit: (tenant, maxTokens) => {
      const part = maxTokens === null ? null : Math.ceil(maxTokens / shards.taking);
      return done(shards.everywhere(parts, (ledgerOfShard) => ledgerOfShard.limit(tenant, part)));
    },
    today: async (tenant) => {
      const { results } = await shards.gather(parts, (part) => part.today(tenant));
      return { used: sum(results.map(({ used }) => used)), reserved: sum(results.map(({ reserved }) => reserved)) };
    },
    todayElsewhere: (ref) =>
      sumElsewhere(parts, shards, ref, async (part) => {
        const { used, reserved } = await part.today(tenantOf(ref));
        return used + reserved;
      }),
    unsettled: async (olderThanMs, limit, skip) =>
      (await shards.everywhere(parts, (part) => part.unsettled(olderThanMs, limit, skip))).flat(),
    countUnsettled: async (refs) => sum(await shards.divided(parts, refs, (part, own) => part.countUnsettled(own))),
    tenantsSince: async (day) => [
      ...new Set((await shards.everywhere(parts, (part) => part.tenantsSince(day))).flat()),
    ],
    async *read(tenants, days) {
      for (const part of parts) yield* part.read(tenants, days);
    },
  };
  return ledger as UsageLedger;
}

export function joinedWebhookJobs(parts: readonly WebhookJobs[], shards: Shards): WebhookJobs {
  const jobs: Facade<WebhookJobs> = {
    ...byShard(parts, ofJob(shards), ['note', 'forget']),
    ended: async () => (await shards.gather(parts, (part) => part.ended())).results.flat(),
  };
  return jobs as WebhookJobs;
}

/** Idempotency keys, each in the shard that its digest belongs to: whoever sends one again need not know the job. */
export function joinedIdempotencyKeys(
  parts: readonly IdempotencyKeys[],
  shards: Shards,
  keys: Pick<KeySpace, 'idempotency'>,
): IdempotencyKeys {
  const of = async (tenant: string, digest: string): Promise<IdempotencyKeys> => {
    const shard = await shards.of(`idempotency ${digest}`, keys.idempotency(tenant, digest));
    return parts[shard] as IdempotencyKeys;
  };
  const joined: Facade<IdempotencyKeys> = {
    find: async (tenant, key) => (await of(tenant, digestOf(tenant, key))).find(tenant, key),
    renew: async (tenant, key) => (await of(tenant, digestOf(tenant, key))).renew(tenant, key),
    reserve: async (tenant, key, candidate) =>
      (await of(tenant, digestOf(tenant, key))).reserve(tenant, key, candidate),
    unreserve: async (tenant, digest, jobId) => (await of(tenant, digest)).unreserve(tenant, digest, jobId),
    isListed: async (tenant, jobId) => {
      const shard = await shards.ofJob(jobRef(tenant, jobId));
      return (parts[shard] as IdempotencyKeys).isListed(tenant, jobId);
    },
    forgetTenant: (tenant) =>
      done(shards.everywhere(parts, (part) => part.forgetTenant(tenant, (jobId) => joined.isListed(tenant, jobId)))),
  };
  return joined as IdempotencyKeys;
}

/** How often shards are looked at that have not got home's limits: new ones, or those that were away, milliseconds. */
const MIRROR_MS = 5_000;

/** The limits that were set for tenants: those of home count, and every shard has a copy, which its scripts read.
 *  @param parts one for each shard */
export function joinedLimits(parts: readonly LimitDirectory[]): LimitDirectory {
  const [home, ...others] = parts as [LimitDirectory, ...LimitDirectory[]];
  let timer: NodeJS.Timeout | undefined;
  const mirror = () => Promise.allSettled(others.map((part) => part.mirror(home)));
  return {
    open: async () => {
      await home.open();
      timer ??= setInterval(() => void mirror(), MIRROR_MS).unref();
    },
    close: () => {
      clearInterval(timer);
      home.close();
    },
    onUnreadable: home.onUnreadable,
    overridesOf: (tenant: string) => home.overridesOf(tenant),
    set: async (tenant: string, overrides) => {
      await home.set(tenant, overrides);
      // a shard that is away gets it when it is back
      await mirror();
    },
    mirror: (source) => home.mirror(source),
    get tenants() {
      return home.tenants;
    },
    get onChanged() {
      return home.onChanged;
    },
    set onChanged(told: LimitDirectory['onChanged']) {
      home.onChanged = told;
    },
  } satisfies Facade<LimitDirectory> & Partial<LimitDirectory> as unknown as LimitDirectory;
}

function ofJob(shards: Shards) {
  return (ref: JobRef) => shards.ofJob(ref);
}

async function done(all: Promise<unknown>): Promise<void> {
  await all;
}

/** Adds up what the shards have, other than that of a job; one that does not answer is left out. */
async function sumElsewhere<T>(
  parts: readonly T[],
  shards: Shards,
  ref: JobRef,
  count: (part: T) => Promise<number>,
): Promise<number> {
  const own = await shards.ofJob(ref);
  const { results } = await shards.gather(parts, async (part, shard) => (shard === own ? 0 : count(part)));
  return sum(results);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}

function jobPage(gathered: Gathered<JobPage>, order: Order, limit: number): JobPage {
  const { items: refs, ...page } = joinedPage(gathered, ({ refs: items }) => items, { order, limit });
  return { refs, ...page };
}
