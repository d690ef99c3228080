import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { FairQueue } from './fair-queue.ts';
import { LimitDirectory } from './limit-directory.ts';
import { TenantSlots } from './tenant-slots.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const ROOMY = { maxQueued: 1_000, maxOpenPerTenant: 1_000, maxStoredBytesPerTenant: 1_000_000 };

/** Slots, and jobs of tenants `a` and `b` that are queued. */
async function slotsOf(d: LogHarness, count = 6) {
  const fairQueue = new FairQueue(d.redis, d.keys, d.limits);
  const unparked: JobRef[] = [];
  fairQueue.onUnparked = (refs) => unparked.push(...refs);
  const refs = (tenant: string) => Array.from({ length: count }, (_, nth) => jobRef(tenant, `${tenant}${nth}`));
  for (const ref of [...refs('a'), ...refs('b')]) await fairQueue.admit({ ref, keptBytes: 1, requestBytes: 1 }, ROOMY);
  return { fairQueue, slots: new TenantSlots(d.redis, d.keys, null), unparked, a: refs('a'), b: refs('b') };
}

/** Picks jobs up one after the other. @returns how many got a slot */
async function pickUpAll(slots: TenantSlots, refs: readonly JobRef[]): Promise<number> {
  let granted = 0;
  for (const ref of refs) if ((await slots.pickUp(ref)).kind === 'granted') granted += 1;
  return granted;
}

describe('the slots of a tenant (law 16)', () => {
  it.each([
    [[5], 4],
    [[2], 1],
    [[1], 1],
    [[3, 3], 5],
  ])('leave a fifth of all slots, and one at least, to others: of %j, %d', async (workers, maxSlots) => {
    await using d = LogHarness.single(server.url);
    const { slots, a, b } = await slotsOf(d);
    await slots.setPolicy('share');
    for (const [nth, count] of workers.entries()) await slots.announce(`worker-${nth}`, count);
    expect(await pickUpAll(slots, a)).toBe(maxSlots);
    expect(await slots.pickUp(a[5] as JobRef)).toEqual({ kind: 'full', maxSlots });
    expect(await slots.pickUp(b[0] as JobRef)).toEqual({ kind: 'granted' });
    // a job that has a slot keeps it when it is picked up again
    expect(await slots.pickUp(a[0] as JobRef)).toEqual({ kind: 'granted' });
  });

  it('count those of recently seen workers', async () => {
    await using d = LogHarness.single(server.url);
    const { slots, a } = await slotsOf(d);
    await slots.setPolicy('share');
    await slots.announce('alive', 3);
    await d.redis.hset(d.keys.workers, 'dead', '100 1000', 'odd', 'what is this');
    expect(await pickUpAll(slots, a)).toBe(2);
    await slots.announce('alive', 3);
    expect(await d.redis.hkeys(d.keys.workers)).not.toContain('dead');
    await slots.withdraw('alive');
    expect(await d.redis.hexists(d.keys.workers, 'alive')).toBe(0);
  });

  it('are as many as the API says, or the worker’s own setting, or without bound', async () => {
    await using d = LogHarness.single(server.url);
    const { slots, a } = await slotsOf(d);
    await slots.setPolicy(3);
    expect(await pickUpAll(slots, a)).toBe(3);
    expect((await new TenantSlots(d.redis, d.keys, 4).pickUp(a[3] as JobRef)).kind).toBe('granted');
    await slots.setPolicy('none');
    expect(await pickUpAll(new TenantSlots(d.redis, d.keys, null), a)).toBe(6);
  });

  it('are as many as an admin has set for the tenant, before any setting', async () => {
    await using d = LogHarness.single(server.url);
    const { a, b } = await slotsOf(d);
    const slots = new TenantSlots(d.redis, d.keys, 4);
    await slots.setPolicy(3);
    const limits = new LimitDirectory(d.redis, d.keys);
    await limits.set('a', { activeJobs: 2 });
    expect(await slots.shareOf('a')).toBe(2);
    expect(await pickUpAll(slots, a)).toBe(2);
    expect(await pickUpAll(slots, b)).toBe(4);
    await limits.set('a', { activeJobs: null });
    expect(await slots.shareOf('a')).toBeNull();
    // what one tenant may use without bound is no matter of others
    expect(await pickUpAll(slots, a)).toBe(6);
    expect(await slots.pickUp(b[5] as JobRef)).toEqual({ kind: 'full', maxSlots: 4 });
  });

  it('go to parked jobs when more are allowed; fewer take none away', async () => {
    await using d = LogHarness.single(server.url);
    const { slots, a } = await slotsOf(d);
    await slots.setPolicy(2);
    expect(await pickUpAll(slots, a)).toBe(2);
    for (const ref of a.slice(2)) expect(await slots.park(ref, 2)).toBe(false);
    const limits = new LimitDirectory(d.redis, d.keys);
    await limits.set('a', { activeJobs: 1 });
    expect(await slots.unpark('a')).toEqual([]);
    expect(await d.redis.scard(d.keys.runningJobsOf('a'))).toBe(2);
    await limits.set('a', { activeJobs: 4 });
    expect(await slots.unpark('a')).toEqual(a.slice(2, 4));
    await limits.set('a', { activeJobs: null });
    expect(await slots.unpark('a')).toEqual(a.slice(4));
  });

  it('are requested again until a policy is set', async () => {
    await using d = LogHarness.single(server.url);
    const { slots, a } = await slotsOf(d);
    expect(await pickUpAll(slots, a.slice(0, 1))).toBe(1);
    await slots.setPolicy(1);
    expect(await slots.pickUp(a[1] as JobRef)).toEqual({ kind: 'full', maxSlots: 1 });
  });

  it('go to the first in line that is parked, when a job ends or lets go', async () => {
    await using d = LogHarness.single(server.url);
    const { slots, fairQueue, a, unparked } = await slotsOf(d);
    await slots.setPolicy(2);
    expect(await pickUpAll(slots, a)).toBe(2);
    for (const ref of a.slice(2).toReversed()) expect(await slots.park(ref, 2)).toBe(false);
    await fairQueue.retire({ ref: a[0] as JobRef, keptBytes: 1 });
    expect(unparked.splice(0)).toEqual([a[2]]);
    expect((await slots.pickUp(a[2] as JobRef)).kind).toBe('granted');
    await fairQueue.markReleased(a[1] as JobRef);
    expect(unparked.splice(0)).toEqual([a[3]]);
    await fairQueue.freeSlot(a[2] as JobRef);
    expect(unparked.splice(0)).toEqual([a[4]]);
    // one that had no slot frees none; and a parked job that ends is not woken
    await fairQueue.retire({ ref: a[5] as JobRef, keptBytes: 1 });
    await fairQueue.freeSlot('b.b0');
    expect(unparked).toEqual([]);
    expect(await d.redis.exists(d.keys.parkedJobsOf('a'))).toBe(0);
  });

  it('are not missed by a job that is parked just after one has become free, nor by one that has ended', async () => {
    await using d = LogHarness.single(server.url);
    const { slots, fairQueue, a } = await slotsOf(d);
    await slots.setPolicy(1);
    expect(await pickUpAll(slots, a)).toBe(1);
    await fairQueue.retire({ ref: a[0] as JobRef, keptBytes: 1 });
    expect(await slots.park(a[1] as JobRef, 1)).toBe(true);
    expect(await d.redis.exists(d.keys.parkedJobsOf('a'))).toBe(0);
    await fairQueue.retire({ ref: a[2] as JobRef, keptBytes: 1 });
    expect(await slots.park(a[2] as JobRef, 0)).toBe(false);
    expect(await d.redis.exists(d.keys.parkedJobsOf('a'))).toBe(0);
  });

  it('are given by a sweep to jobs left parked by a lost message, and to none beyond the bound', async () => {
    await using d = LogHarness.single(server.url);
    const { slots, a, b } = await slotsOf(d);
    await slots.setPolicy(2);
    expect(await pickUpAll(slots, a)).toBe(2);
    for (const ref of a.slice(2)) await slots.park(ref, 2);
    // `b0` is neither parked nor queued: it is lost
    expect(await slots.toQueueAgain([...a.slice(2), b[0] as JobRef])).toEqual([b[0]]);
    await d.redis.srem(d.keys.runningJobsOf('a'), a[0] as JobRef);
    expect(await slots.toQueueAgain([...a.slice(2), b[0] as JobRef])).toEqual([a[2], b[0]]);
    expect(await slots.toQueueAgain([])).toEqual([]);
  });

  it('are all given by a sweep to those that are parked, once there is no bound any more', async () => {
    await using d = LogHarness.single(server.url);
    const { slots, a } = await slotsOf(d);
    await slots.setPolicy(2);
    expect(await pickUpAll(slots, a)).toBe(2);
    for (const ref of a.slice(2)) await slots.park(ref, 2);
    await slots.setPolicy('none');
    expect(await slots.toQueueAgain(a.slice(2))).toEqual(a.slice(2));
  });
});
