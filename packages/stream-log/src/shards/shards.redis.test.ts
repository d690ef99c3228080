import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, jobRef, newRequestId, shardNamedBy } from '@millrace/contracts';
import { newKeyPrefix, startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { JobReader } from '../log/job-reader.ts';
import { KeySpace } from '../redis/keys.ts';
import { FairQueue } from '../registry/fair-queue.ts';
import { IdempotencyKeys } from '../registry/idempotency-keys.ts';
import { JobCatalogue } from '../registry/job-catalogue.ts';
import { TenantSlots } from '../registry/tenant-slots.ts';
import { joinedReader } from './joined-jobs.ts';
import { joinedCatalogue, joinedFairQueue, joinedIdempotencyKeys, joinedSlots } from './joined-registry.ts';
import { Shards } from './shards.ts';

const LIMITS = { recordRetentionMs: 60_000, logRetentionMs: 60_000, unfinishedRetentionMs: 60_000 };
const ROOMY = { maxQueued: 1_000, maxOpenPerTenant: 1_000, maxStoredBytesPerTenant: 1_000_000 };

let servers: TestRedis[];
beforeAll(async () => {
  servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

/** A deployment on the first few of the servers. */
class Deployment implements AsyncDisposable {
  readonly connections: readonly Redis[];
  readonly shards: Shards;

  constructor(
    readonly keys: KeySpace,
    generations: readonly number[],
    inUse?: number,
  ) {
    const count = generations.at(-1) ?? 1;
    this.connections = servers.slice(0, count).map(({ url }) => {
      const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
      return redis.on('error', () => undefined);
    });
    this.shards = new Shards({ connections: this.connections, keys, generations, inUse });
  }

  static async of(keys: KeySpace, generations: readonly number[], inUse?: number): Promise<Deployment> {
    const deployment = new Deployment(keys, generations, inUse);
    await Promise.all(deployment.connections.map((redis) => redis.ping()));
    return deployment;
  }

  parts<T>(make: (redis: Redis) => T): T[] {
    return this.connections.map(make);
  }

  /** Where a record is made, as opening a job does. */
  async make(ref: JobRef): Promise<number> {
    const shard = await this.shards.ofJob(ref);
    await this.connections[shard]?.hset(this.keys.record(ref), 'status', 'queued');
    return shard;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const redis of this.connections) redis.disconnect();
  }
}

const newKeys = () => new KeySpace(newKeyPrefix());
const chosen = (nth: number) => jobRef('default', `chosen-by-the-client-${nth}`);
const CHOSEN = Array.from({ length: 60 }, (_, nth) => chosen(nth));

describe('the shard of a job', () => {
  it('is in the id that the service makes', async () => {
    await using two = await Deployment.of(newKeys(), [2]);
    const ids = Array.from({ length: 200 }, () => two.shards.newJobId());
    for (const id of ids) expect(await two.shards.ofJob(jobRef('t', id))).toBe(shardNamedBy(id));
    expect(new Set(ids.map(shardNamedBy))).toEqual(new Set([0, 1]));
  });

  it('is another one each time, until all have been tried', async () => {
    await using three = await Deployment.of(newKeys(), [2, 3], 2);
    expect(shardNamedBy(three.shards.otherJobId(new Set([1])) ?? '')).toBe(0);
    expect(shardNamedBy(three.shards.otherJobId(new Set([0])) ?? '')).toBe(1);
    expect(three.shards.otherJobId(new Set([0, 1]))).toBeNull();
  });

  it('is another one than that which refuses an id that a client chose', async () => {
    const named = (ids: readonly string[]) => ids.map(shardNamedBy).toSorted();
    const refusing = jobRef('t', newRequestId(2));
    const shardsThat = (...statuses: string[]) => {
      const connections = statuses.map((status) => ({ status, exists: async () => 0 }));
      return new Shards({ connections, keys: newKeys(), generations: [statuses.length] });
    };
    expect(named(shardsThat('ready', 'ready', 'ready').otherJobIds(refusing))).toEqual([0, 1]);
    expect(named(shardsThat('end', 'ready', 'ready').otherJobIds(refusing))).toEqual([1]);
    expect(named(shardsThat('end', 'end', 'ready').otherJobIds(refusing))).toEqual([0, 1]);
    const few = named(shardsThat(...Array<string>(100).fill('ready')).otherJobIds(refusing));
    expect([new Set(few).size, few.length, few.includes(2)]).toEqual([3, 3, false]);
    await using one = await Deployment.of(newKeys(), [1]);
    expect(one.shards.otherJobIds(jobRef('t', newRequestId()))).toEqual([]);
    // either may be the one that does not answer
    await using two = await Deployment.of(newKeys(), [1, 2]);
    const moved = CHOSEN.find((ref) => two.shards.placesOfJob(ref).length > 1) as JobRef;
    expect(named(two.shards.otherJobIds(moved))).toEqual([0, 1]);
    await using unused = await Deployment.of(newKeys(), [2, 3], 2);
    expect(named(unused.shards.otherJobIds(jobRef('t', newRequestId(2))))).toEqual([0, 1]);
  });

  it('is found at once by the hash of an id that a client chose, as long as no shard was added', async () => {
    await using three = await Deployment.of(newKeys(), [3]);
    const shards = CHOSEN.map((ref) => three.shards.ofJob(ref));
    expect(shards.every((shard) => typeof shard === 'number')).toBe(true);
    expect(new Set(shards)).toEqual(new Set([0, 1, 2]));
  });

  it('stays when shards are added, and new jobs use them', async () => {
    const keys = newKeys();
    await using one = await Deployment.of(keys, [1]);
    for (const ref of CHOSEN.slice(0, 20)) await one.make(ref);
    await using two = await Deployment.of(keys, [1, 2]);
    for (const ref of CHOSEN.slice(0, 20)) expect(await two.shards.ofJob(ref)).toBe(0);
    const second = new Map<JobRef, number>();
    for (const ref of CHOSEN.slice(20, 40)) second.set(ref, await two.make(ref));
    expect(new Set(second.values())).toEqual(new Set([0, 1]));
    await using three = await Deployment.of(keys, [1, 2, 3]);
    for (const ref of CHOSEN.slice(0, 20)) expect(await three.shards.ofJob(ref)).toBe(0);
    for (const [ref, shard] of second) expect(await three.shards.ofJob(ref)).toBe(shard);
    const third = await Promise.all(CHOSEN.slice(40).map((ref) => three.make(ref)));
    expect(third).toContain(2);
  });

  it('is found by nodes that do not use a new shard yet, and made where they agree', async () => {
    const keys = newKeys();
    await using ahead = await Deployment.of(keys, [1, 2]);
    await using behind = await Deployment.of(keys, [1, 2], 1);
    for (const ref of CHOSEN) expect(await behind.shards.ofJob(ref)).toBe(0);
    for (const ref of CHOSEN.slice(0, 20)) {
      const shard = await ahead.make(ref);
      expect(await behind.shards.ofJob(ref)).toBe(shard);
    }
    for (let nth = 0; nth < 50; nth += 1) expect(shardNamedBy(behind.shards.newJobId())).toBe(0);
  });

  it('is not guessed while a shard that may have it does not answer', async () => {
    const keys = newKeys();
    await using two = await Deployment.of(keys, [1, 2]);
    const moved = (
      await Promise.all(CHOSEN.map(async (ref) => ((await two.shards.ofJob(ref)) === 1 ? ref : null)))
    ).filter((ref) => ref !== null);
    const [there, nowhere] = moved as [JobRef, JobRef];
    await two.make(there);
    two.connections[0]?.disconnect();
    await expect(async () => two.shards.ofJob(nowhere)).rejects.toThrow();
    expect(await two.shards.ofJob(there)).toBe(1);
    expect(shardNamedBy(two.shards.newJobId())).toBe(1);
  });

  it('is told without waiting for a shard that hangs, if another one has it', async () => {
    const keys = newKeys();
    await using two = await Deployment.of(keys, [1, 2]);
    const places = await Promise.all(CHOSEN.map(async (ref) => ({ ref, shard: await two.shards.ofJob(ref) })));
    const { ref } = places.find(({ shard }) => shard === 1) as { ref: JobRef };
    await two.make(ref);
    await servers[0]?.pause();
    try {
      expect(await two.shards.ofJob(ref)).toBe(1);
    } finally {
      await servers[0]?.resume();
    }
  });

  it('has two places while its record is gone: it may have been in either', async () => {
    await using two = await Deployment.of(newKeys(), [1, 2]);
    const places = CHOSEN.map((ref) => two.shards.placesOfJob(ref));
    expect(new Set(places.map((each) => each.join()))).toEqual(new Set(['0', '1,0']));
    expect(two.shards.placesOfJob(jobRef('t', newRequestId(1)))).toEqual([1]);
  });

  it('is remembered while the job runs here', async () => {
    await using two = await Deployment.of(newKeys(), [1, 2]);
    {
      using _one = two.shards.pin(chosen(1), 1);
      using _other = two.shards.pin(chosen(1), 1);
      expect(two.shards.ofKnownJob(chosen(1))).toBe(1);
    }
    expect(await two.shards.ofJob(chosen(1))).toBe(0);
  });
});

describe('ports of several shards', () => {
  it('list the jobs of all in one order, and say when one does not answer', async () => {
    const keys = newKeys();
    await using two = await Deployment.of(keys, [2]);
    const queue = joinedFairQueue(
      two.parts((redis) => new FairQueue(redis, keys, LIMITS)),
      two.shards,
    );
    const reader = joinedReader(
      two.parts((redis) => new JobReader(redis, keys)),
      two.shards,
    );
    const catalogue = joinedCatalogue(
      two.parts((redis) => new JobCatalogue(redis, keys, reader)),
      two.shards,
    );
    const refs: JobRef[] = [];
    for (let nth = 0; nth < 25; nth += 1) {
      const ref = jobRef('t', newRequestId(nth % 2));
      refs.unshift(ref);
      expect((await queue.admit({ ref, keptBytes: 10, requestBytes: 1 }, ROOMY)).outcome).toBe('admitted');
    }
    const seen: JobRef[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await catalogue.list({ tenant: 't', limit: 4, cursor });
      expect(page.isPartial).toBeUndefined();
      seen.push(...page.refs);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(refs);
    expect(await catalogue.openJobsOf('t')).toEqual({ open: 25, active: 0 });
    expect(await catalogue.holdersOf(idOf(refs[3] as JobRef))).toEqual([refs[3]]);

    two.connections[1]?.disconnect();
    const partial = await catalogue.list({ tenant: 't', limit: 100 });
    expect(partial).toMatchObject({ isPartial: true, nextCursor: null });
    expect(partial.refs).toEqual(refs.filter((ref) => shardNamedBy(idOf(ref)) === 0));
  });

  it('are asked once for what none of them has, and a shard that is lost may have', async () => {
    await using two = await Deployment.of(newKeys(), [2]);
    const looks = [0, 0];
    const find = (found: readonly string[]) => async (shard: number) => {
      looks[shard] = (looks[shard] ?? 0) + 1;
      if (shard === 1) throw new Error('it hangs');
      return found;
    };
    await expect(two.shards.findIn([0, 1], find([]))).rejects.toThrow('it hangs');
    expect(looks).toEqual([1, 1]);
    expect(await two.shards.findIn([0, 1], find(['a job']))).toEqual(['a job']);
    const [, lost] = two.connections as [Redis, Redis];
    const ended = once(lost, 'end');
    lost.disconnect();
    await ended;
    await expect(two.shards.findIn([0, 1], find([]))).rejects.toThrow('shard 1 is not connected');
    expect(looks).toEqual([3, 2]);
  });

  it('share the slots of a tenant out', async () => {
    const keys = newKeys();
    await using two = await Deployment.of(keys, [2]);
    const slots = joinedSlots(
      two.parts((redis) => new TenantSlots(redis, keys, 3, two.shards.count)),
      two.shards,
    );
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, (_, nth) => slots.pickUp(jobRef('t', newRequestId(nth % 2)))),
    );
    expect(outcomes.filter(({ kind }) => kind === 'granted')).toHaveLength(4);
    expect(await slots.shareOf('t')).toBe(4);
  });

  it('keep idempotency keys where any node finds them', async () => {
    const keys = newKeys();
    await using two = await Deployment.of(keys, [1, 2]);
    const joined = joinedIdempotencyKeys(
      two.parts((redis) => new IdempotencyKeys(redis, keys, LIMITS)),
      two.shards,
      keys,
    );
    for (let nth = 0; nth < 20; nth += 1) {
      expect(await joined.reserve('t', `key ${nth}`, `job-${nth}`)).toBe(`job-${nth}`);
      expect(await joined.reserve('t', `key ${nth}`, 'another')).toBe(`job-${nth}`);
      expect(await joined.find('t', `key ${nth}`)).toBe(`job-${nth}`);
    }
    await joined.forgetTenant('t');
    for (let nth = 0; nth < 20; nth += 1) expect(await joined.find('t', `key ${nth}`)).toBeNull();
  });
});
