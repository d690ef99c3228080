import { type JobRef, tenantOf } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** A worker that has not announced its slots for this long is gone, milliseconds. */
const WORKER_SEEN_MS = 15_000;

/** How long a policy lasts that no API node repeats, milliseconds. */
const POLICY_KEPT_MS = 60_000;

/** How long a worker relies on the answer that there is no bound, milliseconds. */
const UNBOUNDED_FOR_MS = 2_000;
/** Tenants without a bound that a worker remembers. */
const MAX_UNBOUNDED = 10_000;

/** How many slots one tenant's jobs may hold: `share` leaves a fifth of all, at least one, to others. */
export type SlotPolicy = 'none' | 'share' | number;

export type PickUp =
  | { readonly kind: 'granted' }
  /** the tenant holds `maxSlots` slots, which is all that it may have */
  | { readonly kind: 'full'; readonly maxSlots: number };

/** Divides the slots of all workers among tenants, when jobs are picked up (law 16): a tenant of endless jobs leaves
 *  slots to others. A job that gets no slot is *parked*: still queued, but outside the queue, where it would be in the
 *  way. When its tenant frees a slot, the first parked job is queued again ({@link FairQueue.onUnparked}), and a sweep
 *  repairs what is lost in between.
 *  @see docs/adr/0027-slots-are-shared-out-at-pick-up.md */
export class TenantSlots {
  readonly #run: RunScript;
  /** tenants without a bound, until when not to ask (ms of performance.now()): an answer costs a round trip before the
   *  first token */
  readonly #unboundedUntil = new Map<string, number>();

  /** @param ownMax max slots of one tenant by the setting of this process; null: as the policy says. What an admin has set
   *    for a tenant comes first
   *  @param shards that such a number is shared out among, each with a count of its own */
  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    readonly ownMax: number | null,
    readonly shards = 1,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Sets how tenants share the slots. To be repeated within a minute. */
  async setPolicy(policy: SlotPolicy): Promise<void> {
    await this.redis.set(this.keys.slotPolicy, String(policy), 'PX', POLICY_KEPT_MS);
  }

  /** Announces a worker. To be repeated within 15 s.
   *  @param slots jobs that it runs at a time */
  async announce(worker: string, slots: number): Promise<void> {
    const [seconds, micros] = await this.redis.time();
    const seenMs = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    const { workers } = this.keys;
    await this.redis.hset(workers, worker, `${slots} ${seenMs}`);
    await this.#removeLost(seenMs);
  }

  /** Removes a worker that ends. */
  async withdraw(worker: string): Promise<void> {
    await this.redis.hdel(this.keys.workers, worker);
  }

  /** Asks for a slot for a job that a worker has got from the queue. The job holds it until it ends or is given back
   *  ({@link FairQueue.retire}, `markReleased`, `freeSlot`). */
  async pickUp(ref: JobRef): Promise<PickUp> {
    const tenant = tenantOf(ref);
    if (performance.now() < (this.#unboundedUntil.get(tenant) ?? 0)) return { kind: 'granted' };
    const [granted, maxSlots] = await this.#ask(tenant, ref);
    if (maxSlots === -1) this.#relyOn(tenant);
    return granted === 1 ? { kind: 'granted' } : { kind: 'full', maxSlots };
  }

  /** Parks a job that got no slot, once its queue entry is gone.
   *  @returns whether it is to be queued again: a slot has become free meanwhile */
  async park(ref: JobRef, maxSlots: number): Promise<boolean> {
    const tenant = tenantOf(ref);
    const keys = [this.keys.runningJobsOf(tenant), this.keys.parkedJobsOf(tenant), this.keys.openJobsOf(tenant)];
    return (await this.#run('park', keys, [ref, maxSlots])) === 0;
  }

  /** For a sweep: of queued jobs without a queue entry, those that are not parked, and of the parked ones as many,
   *  first in line first, as their tenant has free slots.
   *  @returns what is to be queued again */
  async toQueueAgain(missing: readonly JobRef[]): Promise<JobRef[]> {
    const byTenant = [...Map.groupBy(missing, tenantOf)];
    return (await Promise.all(byTenant.map(([tenant, refs]) => this.#ofTenant(tenant, refs)))).flat();
  }

  /** @returns how many slots a tenant may hold now; null: there is no bound */
  async shareOf(tenant: string): Promise<number | null> {
    const [, maxSlots] = await this.#ask(tenant, '');
    return maxSlots < 0 ? null : maxSlots;
  }

  /** After a change of a tenant's limit.
   *  @returns the parked jobs that now may have a slot, first in line first: they are to be queued */
  async unpark(tenant: string): Promise<JobRef[]> {
    const parked = this.keys.parkedJobsOf(tenant);
    return this.#firstOf(tenant, await this.redis.zcard(parked));
  }

  #relyOn(tenant: string): void {
    if (this.#unboundedUntil.size >= MAX_UNBOUNDED) this.#unboundedUntil.clear();
    this.#unboundedUntil.set(tenant, performance.now() + UNBOUNDED_FOR_MS);
  }

  /** Takes the first of a tenant's parked jobs off the line, as many as may have a slot.
   *  @param waiting how many wait */
  async #firstOf(tenant: string, waiting: number): Promise<JobRef[]> {
    if (waiting === 0) return [];
    const [free, maxSlots] = await this.#ask(tenant, '');
    // without a bound, no job that ends unparks the next one
    const count = maxSlots < 0 ? waiting : free;
    if (count === 0) return [];
    const popped = await this.redis.zpopmin(this.keys.parkedJobsOf(tenant), count);
    return popped.filter((_, place) => place % 2 === 0) as JobRef[];
  }

  async #ofTenant(tenant: string, refs: readonly JobRef[]): Promise<JobRef[]> {
    const parked = this.keys.parkedJobsOf(tenant);
    const places = await this.redis.zmscore(parked, ...refs);
    const lost = refs.filter((_, place) => places[place] === null);
    return [...lost, ...(await this.#firstOf(tenant, refs.length - lost.length))];
  }

  async #ask(tenant: string, ref: JobRef | ''): Promise<[granted: number, maxSlots: number]> {
    const own = [this.keys.runningJobsOf(tenant), this.keys.parkedJobsOf(tenant)];
    const keys = [...own, this.keys.workers, this.keys.slotPolicy, this.keys.limits];
    return (await this.#run('pickup', keys, [ref, this.ownMax ?? 0, WORKER_SEEN_MS, tenant, this.shards])) as [
      number,
      number,
    ];
  }

  async #removeLost(nowMs: number): Promise<void> {
    const seen = Object.entries(await this.redis.hgetall(this.keys.workers));
    const lost = seen.filter(([, entry]) => Number(entry.split(' ')[1]) < nowMs - 4 * WORKER_SEEN_MS);
    if (lost.length > 0) await this.redis.hdel(this.keys.workers, ...lost.map(([worker]) => worker));
  }
}
