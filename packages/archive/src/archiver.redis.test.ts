import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef, newRequestId } from '@millrace/contracts';
import { startRedis, startRedisCluster, type TestRedis } from '@millrace/testing';
import { Cluster, type Redis } from 'ioredis';
import { ArchiveUnavailable, StoreRefused, StoreUnreachable } from './errors.ts';
import type { JobArchive } from './job-archive.ts';
import { ArchiveHarness, withStep } from './testing/archive-harness.ts';

const { signal } = new AbortController();
let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

/** An archive that takes nothing. */
function away(archive: JobArchive): JobArchive {
  return withStep(archive, { before: 'put' }, () => Promise.reject(new Error('disk full')));
}

describe('an ended job', () => {
  it('is written as it is, and leaves Redis after its time', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended(['Grüße', ' \u{1f600}']);
    const before = await d.raw.read(ref);
    expect(await d.redis.pttl(d.keys.record(ref))).toBeGreaterThan(500_000);
    await d.archiver().run(signal);
    expect(d.told).toEqual([`written ${ref}`]);
    expect(await d.redis.pttl(d.keys.record(ref))).toBeLessThanOrEqual(60_000);
    // whoever has read the record may still read the log
    expect(await d.redis.pttl(d.keys.log(ref))).toBeGreaterThan(100_000);
    expect(await d.unarchived.backlog()).toEqual({ jobs: 0, oldestWaitMs: 0 });
    expect(Number(await d.redis.zscore(d.keys.expiringJobs, ref))).toBeLessThan(Date.now() + 61_000);
    await d.expire(ref);
    expect(await d.archivedJobs().thaw(ref)).toBe(true);
    expect(await d.raw.read(ref)).toEqual(before);
  });

  it('stays while the archive is away, and is written when it is back', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    expect(await d.archiver(away(d.archive)).run(signal)).toMatchObject({ hasFailed: true });
    expect(await d.unarchived.backlog()).toMatchObject({ jobs: 1 });
    expect(await d.redis.pttl(d.keys.record(ref))).toBeGreaterThan(500_000);
    await d.passTime();
    expect(await d.archiver().run(signal)).toMatchObject({ hasFailed: false });
    expect(await d.copyOf(ref)).not.toBeNull();
    expect(d.told).toEqual([`failed ${ref}`, `written ${ref}`]);
  });

  it('is written by one of several workers', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    for (let nth = 0; nth < 20; nth += 1) await d.ended(['x']);
    await Promise.all([d.archiver().run(signal), d.archiver().run(signal), d.archiver().run(signal)]);
    expect(d.told).toHaveLength(20);
    expect(new Set(d.told).size).toBe(20);
  });

  it('is written again when a worker has died behind its write, and is there once', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    const dying = withStep(d.archive, { after: 'put' }, () => Promise.reject(new Error('died')));
    await d.archiver(dying).run(signal);
    await d.passTime();
    await d.archiver().run(signal);
    expect(d.told).toEqual([`failed ${ref}`, `written ${ref}`]);
    expect((await d.archive.list({ tenant: 't', limit: 10 }, AbortSignal.timeout(5_000))).items).toHaveLength(1);
  });

  it('stays in the archive when a second worker comes after it has left Redis', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    const dying = withStep(d.archive, { after: 'put' }, () => Promise.reject(new Error('died')));
    await d.archiver(dying).run(signal);
    await d.expire(ref);
    await d.passTime();
    await d.archiver().run(signal);
    expect(d.told.at(-1)).toBe(`missing ${ref}`);
    expect(await d.copyOf(ref)).not.toBeNull();
    expect((await d.unarchived.backlog()).jobs).toBe(0);
  });

  it('waits until the ledger has counted it', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.redis.zadd(d.keys.unsettledJobs, 1, ref);
    await d.archiver().run(signal);
    expect(d.told).toEqual([]);
    await d.redis.zrem(d.keys.unsettledJobs, ref);
    await d.archiver().run(signal);
    expect(d.told).toEqual([`written ${ref}`]);
  });

  it('leaves the lists when its record does, which then tell that older pages are in the archive', async () => {
    await using d = await ArchiveHarness.start(redis.url, { archivedRetentionMs: 0 });
    const ref = await d.ended();
    const [place = ''] = (await d.catalogue.list({ tenant: 't', limit: 1 })).places;
    await d.archiver().run(signal);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await d.catalogue.purgeExpired(100);
    expect((await d.catalogue.list({ tenant: 't', limit: 1 })).refs).toEqual([]);
    expect(await d.catalogue.mayHaveLeftSince(place)).toBe(true);
    expect(await d.catalogue.mayHaveLeftSince(String(Number(place) + 1))).toBe(false);
    expect(await d.reader.outline(ref)).toBeNull();
  });

  it('makes the list of its thread no longer than the other lists', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const list = d.keys.jobsOfThread('t', 'a-thread');
    await d.redis.zadd(list, 1, 't.left-before');
    await d.unarchived.done(await d.ended(), 1, 'a-thread');
    expect(await d.redis.zcard(list)).toBe(0);
  });

  it('is purged from the archive after its time there', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.archiver().run(signal);
    expect(await d.archiver().purge(60_000, signal)).toBe(0);
    expect(await d.archiver().purge(-1_000, signal)).toBe(1);
    expect(await d.copyOf(ref)).toBeNull();
  });
});

describe('a job that is erased while it is being written', () => {
  /** Nothing of it is left, and nothing brings it back. */
  async function expectGone(d: ArchiveHarness, ref: `${string}.${string}`): Promise<void> {
    await d.passTime();
    await d.archiver().run(signal);
    await d.archiver().finishErasures(signal);
    expect(await d.copyOf(ref)).toBeNull();
    expect(await d.archivedJobs().thaw(ref)).toBe(false);
    expect(await d.reader.outline(ref)).toBeNull();
    expect(await d.erasedCopies.count()).toBe(0);
    for (const key of [d.keys.unarchivedJobs, d.keys.archivingJobs]) expect(await d.redis.zcard(key)).toBe(0);
  }

  it.each([{ before: 'put' }, { after: 'put' }] as const)('%j does not come back', async (when) => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.archiver(withStep(d.archive, when, () => d.erase(ref))).run(signal);
    expect(await d.copyOf(ref)).toBeNull();
    await expectGone(d, ref);
  });

  it.each([{ before: 'put' }, { after: 'put' }] as const)(
    '%j, by a worker that dies then, does not come back',
    async (when) => {
      await using d = await ArchiveHarness.start(redis.url);
      const ref = await d.ended();
      const erasing = withStep(d.archive, when, () => d.erase(ref));
      const dying = withStep(erasing, { after: 'put' }, () => Promise.reject(new Error('died')));
      await d.archiver(dying).run(signal);
      await expectGone(d, ref);
    },
  );

  it('between the reads of its parts is not written', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    const { xrange } = d.redis;
    d.redis.xrange = (async (...args: Parameters<typeof xrange>) => {
      await d.erase(ref);
      return Reflect.apply(xrange, d.redis, args);
    }) as typeof xrange;
    await d.archiver().run(signal);
    d.redis.xrange = xrange;
    await expectGone(d, ref);
  });

  it('and whose eraser dies at any of its steps does not come back once the erasure is said', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.archiver().run(signal);
    // the API died behind its first steps
    await d.archivedJobs().beginErasure(ref);
    await d.eraser.eraseEnded(ref);
    expect(await d.archivedJobs().thaw(ref)).toBe(false);
    await expectGone(d, ref);
  });

  it('while the archive is away is not read any more, and goes when it is back', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.archiver().run(signal);
    const awayArchive = withStep(d.archive, { before: 'erase' }, () => Promise.reject(new Error('away')));
    await d.erase(ref, d.archivedJobs({ archive: awayArchive }));
    expect(await d.copyOf(ref)).not.toBeNull();
    expect(await d.archivedJobs().thaw(ref)).toBe(false);
    await expectGone(d, ref);
  });
});

describe('on a cluster', () => {
  it('a job is written, read again, and erased', async () => {
    await using cluster = await startRedisCluster();
    const nodes = cluster.ports.map((port) => ({ host: '127.0.0.1', port }));
    // it has the same commands
    await using d = await ArchiveHarness.on(new Cluster(nodes) as unknown as Redis);
    const ref = await d.ended();
    const before = await d.raw.read(ref);
    await d.archiver().run(signal);
    await d.expire(ref);
    expect(await d.archivedJobs().thaw(ref)).toBe(true);
    expect(await d.raw.read(ref)).toEqual(before);
    await d.erase(ref);
    expect(await d.archivedJobs().thaw(ref)).toBe(false);
    expect(await d.copyOf(ref)).toBeNull();
  });
});

describe('what is erased while the archive is away', () => {
  /** Jobs of the lists, as the archive is back and before a worker has erased what it has. */
  const listed = async (d: ArchiveHarness) =>
    (await d.archivedJobs().list({ tenant: 't', limit: 10 }, 't')).items.map(({ ref }) => ref);
  const without = (archive: JobArchive, method: keyof JobArchive) =>
    withStep(archive, { before: method }, () => Promise.reject(new Error('away')));

  it('is in no list, if it is a job', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const [erased, other] = [await d.ended(), await d.ended()];
    await d.archiver().run(signal);
    expect(await listed(d)).toEqual([other, erased]);
    await d.erase(erased, d.archivedJobs({ archive: without(d.archive, 'erase') }));
    expect(await d.copyOf(erased)).not.toBeNull();
    expect(await listed(d)).toEqual([other]);
  });

  it('holds no id', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const id = newRequestId();
    for (const tenant of ['erased', 'emptied', 'other']) await d.ended(['x'], jobRef(tenant, id));
    await d.archiver().run(signal);
    await d.erase(jobRef('erased', id), d.archivedJobs({ archive: without(d.archive, 'erase') }));
    const api = d.archivedJobs({ archive: without(d.archive, 'eraseTenant') });
    await expect(api.eraseTenant('emptied', async () => undefined)).rejects.toThrow('archive');
    expect(await d.archivedJobs().holders(id, 'admin')).toEqual([jobRef('other', id)]);
    await d.fairQueue.dropAdmission(jobRef('emptied', id));
    await d.expire(jobRef('emptied', id));
    await delay(5);
    await d.ended(['later'], jobRef('emptied', id));
    await d.archiver().run(signal);
    const holders = await d.archivedJobs().holders(id, 'admin');
    expect(new Set(holders)).toEqual(new Set([jobRef('emptied', id), jobRef('other', id)]));
  });

  it('is in no list, if it is a tenant: only what came later', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const before = await d.ended();
    await d.archiver().run(signal);
    const api = d.archivedJobs({ archive: without(d.archive, 'eraseTenant') });
    await expect(api.eraseTenant('t', async () => undefined)).rejects.toThrow('archive');
    await delay(5);
    const later = await d.ended();
    await d.archiver().run(signal);
    expect(await d.copyOf(before)).not.toBeNull();
    expect(await listed(d)).toEqual([later]);
  });
});

describe('a job that is erased while it is being read', () => {
  it('does not come back to Redis', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.archiver().run(signal);
    await d.expire(ref);
    const archive = withStep(d.archive, { after: 'get' }, () => d.erase(ref));
    expect(await d.archivedJobs({ archive }).thaw(ref)).toBe(false);
    expect(await d.redis.exists(d.keys.record(ref), d.keys.log(ref))).toBe(0);
  });

  it('with its tenant does not come back, nor do those that were read before', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const [read, thawed] = [await d.ended(), await d.ended()];
    await d.archiver().run(signal);
    await Promise.all([read, thawed].map((ref) => d.expire(ref)));
    const api = d.archivedJobs();
    expect(await api.thaw(thawed)).toBe(true);
    const eraseTenant = () =>
      api.eraseTenant('t', async (refs) => {
        for (const ref of refs) await d.eraser.eraseEnded(ref);
      });
    const archive = withStep(d.archive, { after: 'get' }, eraseTenant);
    expect(await d.archivedJobs({ archive }).thaw(read)).toBe(false);
    for (const ref of [read, thawed]) {
      expect(await d.copyOf(ref)).toBeNull();
      expect(await d.reader.outline(ref)).toBeNull();
    }
    expect(await d.erasedCopies.count()).toBe(0);
  });
});

describe('a job in the archive', () => {
  it('is read once for all who ask for it at the same time', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.archiver().run(signal);
    await d.expire(ref);
    let reads = 0;
    const archive = withStep(d.archive, { before: 'get' }, async () => {
      reads += 1;
    });
    const api = d.archivedJobs({ archive });
    expect(await Promise.all(Array.from({ length: 50 }, () => api.thaw(ref)))).toEqual(Array(50).fill(true));
    expect(reads).toBe(1);
  });

  it('is not put over a job that is there', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended(['first']);
    await d.archiver().run(signal);
    await d.expire(ref);
    await d.fairQueue.dropAdmission(ref);
    const archive = withStep(d.archive, { after: 'get' }, async () => {
      await d.ended(['second'], ref);
    });
    expect(await d.archivedJobs({ archive }).thaw(ref)).toBe(true);
    const { events } = (await d.raw.read(ref)) ?? { events: [] };
    expect(events.map(([, , data]) => data).join()).toContain('second');
  });

  it('waits while too much is thawed, and finds room when that has left', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const refs = [await d.ended(['x'.repeat(30_000)]), await d.ended(['y'.repeat(30_000)])] as const;
    await d.archiver().run(signal);
    await Promise.all(refs.map((ref) => d.expire(ref)));
    const api = d.archivedJobs({ maxBytes: 100_000 });
    expect(await api.thaw(refs[0])).toBe(true);
    await expect(api.thaw(refs[1])).rejects.toMatchObject({ code: 'ARCHIVE_UNAVAILABLE', retryAfterSeconds: 60 });
    await d.redis.zadd(d.keys.thawedJobs, 1, refs[0]);
    expect(await api.thaw(refs[1])).toBe(true);
    expect(Number(await d.redis.hget(d.keys.thawedBytes, 'total'))).toBeLessThan(50_000);
  });

  it('is read although an earlier read of another has failed', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const refs = [await d.ended(), await d.ended()] as const;
    await d.archiver().run(signal);
    await Promise.all(refs.map((ref) => d.expire(ref)));
    const archive = withStep(d.archive, { before: 'get' }, () => Promise.reject(new Error('away')));
    await expect(d.archivedJobs({ archive }).thaw(refs[0])).rejects.toMatchObject({ code: 'ARCHIVE_UNAVAILABLE' });
    await d.redis.zadd(d.keys.thawedJobs, 1, refs[0]);
    expect(await d.archivedJobs().thaw(refs[1])).toBe(true);
    expect(await d.redis.zrange(d.keys.thawedJobs, '0', '-1')).toEqual([refs[1]]);
  });

  it('is read although a list was refused just now, and not while the archive cannot be reached', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.archiver().run(signal);
    await d.expire(ref);
    const query = { tenant: 't', limit: 1 };
    const refused = withStep(d.archive, { before: 'list' }, () =>
      Promise.reject(new StoreRefused('AccessDenied', 403)),
    );
    const api = d.archivedJobs({ archive: refused });
    await expect(api.list(query, 't')).rejects.toThrow(ArchiveUnavailable);
    expect(await api.thaw(ref)).toBe(true);
    await d.expire(ref);
    const lost = withStep(d.archive, { before: 'list' }, () => Promise.reject(new StoreUnreachable(new Error('x'))));
    const without = d.archivedJobs({ archive: lost });
    await expect(without.list(query, 't')).rejects.toThrow(ArchiveUnavailable);
    await expect(without.thaw(ref)).rejects.toThrow(ArchiveUnavailable);
  });

  it('is counted for as long as it is in Redis, whatever is asked for meanwhile', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const ref = await d.ended();
    await d.archiver().run(signal);
    await d.expire(ref);
    const api = d.archivedJobs();
    expect(await api.thaw(ref)).toBe(true);
    expect(await api.thaw(jobRef('t', newRequestId()))).toBe(false);
    const staysMs = await d.redis.pttl(d.keys.record(ref));
    for (const key of [d.keys.thawedJobs, d.keys.thawedBytes]) {
      expect(await d.redis.pttl(key)).toBeGreaterThan(staysMs);
    }
  });

  it('leaves nothing in Redis when nobody has it', async () => {
    await using d = await ArchiveHarness.start(redis.url);
    const api = d.archivedJobs();
    const refs = Array.from({ length: 20 }, () => jobRef('t', newRequestId()));
    expect(await Promise.all(refs.map((ref) => api.thaw(ref)))).toEqual(Array(20).fill(false));
    expect(await d.redis.exists(d.keys.thawedJobs, d.keys.thawedBytes)).toBe(0);
  });
});
