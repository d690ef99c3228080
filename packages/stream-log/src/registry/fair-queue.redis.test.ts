import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef, MAX_DELAY_MS } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { FairQueue } from './fair-queue.ts';
import { JobCatalogue } from './job-catalogue.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const ROOMY = { maxQueued: 1_000, maxOpenPerTenant: 1_000, maxStoredBytesPerTenant: 1_000_000 };

/** A job of 150 bytes, 50 of which are its request. */
const sized = (ref: JobRef, requestBytes = 50) => ({ ref, keptBytes: 100, requestBytes });

function indexOf(d: LogHarness): { fairQueue: FairQueue; open: () => Promise<readonly JobRef[]> } {
  const catalogue = new JobCatalogue(d.redis, d.keys, d.reader);
  return {
    fairQueue: new FairQueue(d.redis, d.keys, d.limits),
    open: async () => (await catalogue.open({ olderThanMs: 0, limit: 10 })).refs,
  };
}

describe('the registry of jobs', () => {
  it('admits up to its limits, even when all come at once, and always admits known jobs', async () => {
    await using d = LogHarness.single(server.url);
    const { fairQueue } = indexOf(d);
    const limits = { maxQueued: 5, maxOpenPerTenant: 3, maxStoredBytesPerTenant: 1_000 };
    const admit = (ref: JobRef) => fairQueue.admit(sized(ref), limits).then(({ outcome }) => outcome);
    const first = await Promise.all(Array.from({ length: 6 }, (_, i) => admit(jobRef('a', `a${i}`))));
    expect(first.filter((outcome) => outcome === 'admitted')).toHaveLength(3);
    expect(first.filter((outcome) => outcome === 'too-many-jobs')).toHaveLength(3);
    expect([await admit('b.b1'), await admit('b.b2'), await admit('b.b3')]).toEqual([
      'admitted',
      'admitted',
      'queue-full',
    ]);
    expect(await admit('a.a0')).toBe('admitted');
    await fairQueue.markStarted('b.b1');
    expect(await admit('b.b3')).toBe('admitted');
    await fairQueue.retire({ ref: 'a.a0', keptBytes: 100 });
    expect(await admit('a.a9')).toBe('admitted');
  });

  it('lets one tenant fill its own share of the store without affecting others', async () => {
    await using d = LogHarness.single(server.url);
    const { fairQueue } = indexOf(d);
    const limits = { ...ROOMY, maxStoredBytesPerTenant: 1_000 };
    const admit = (ref: JobRef, requestBytes?: number) =>
      fairQueue.admit(sized(ref, requestBytes), limits).then(({ outcome }) => outcome);
    expect([await admit('a.one', 700), await admit('a.two', 200)]).toEqual(['admitted', 'too-many-bytes']);
    expect(await admit('b.one', 700)).toBe('admitted');
    // already known: it is no longer refused
    expect(await admit('a.one', 700)).toBe('admitted');
    // the prompt of an ended job no longer counts
    await fairQueue.retire({ ref: 'a.one', keptBytes: 400 });
    expect([await admit('a.two', 200), await admit('a.three', 201)]).toEqual(['admitted', 'too-many-bytes']);
    await fairQueue.dropAdmission('a.two');
    expect(await admit('a.three', 500)).toBe('admitted');
  });

  it('starts and retires many jobs of several tenants at once, each as if it came alone', async () => {
    await using d = LogHarness.single(server.url);
    const { fairQueue, open } = indexOf(d);
    const refs = ['a', 'b'].flatMap((tenant) => [1, 2, 3].map((nth) => jobRef(tenant, `${tenant}${nth}`)));
    for (const ref of refs) await fairQueue.admit(sized(ref), ROOMY);
    await Promise.all([
      ...refs.slice(0, 5).map((ref) => fairQueue.markStarted(ref)),
      fairQueue.markStarted('b.unknown'),
    ]);
    expect(await d.redis.zrange(d.keys.queuedJobs, '0', '-1')).toEqual(['b.b3']);
    // the turn of `a3`, the last that was started
    expect(await d.redis.hget(d.keys.fairTurns, 'started')).toBe('3');
    await Promise.all(refs.slice(0, 5).map((ref) => fairQueue.retire({ ref, keptBytes: null })));
    expect(await open()).toEqual(['b.b3']);
    expect(await d.redis.zrange(d.keys.openJobsOf('a'), '0', '-1')).toEqual([]);
    expect(await d.redis.zrange(d.keys.expiringJobs, '0', '-1')).toEqual(refs.slice(0, 5));
  });

  it('leaves no list behind when no more jobs come', async () => {
    await using d = LogHarness.single(server.url, { recordRetentionMs: 60_000, logRetentionMs: 30_000 });
    const { fairQueue } = indexOf(d);
    await fairQueue.admit(sized('t.last'), ROOMY);
    await fairQueue.markStarted('t.last');
    await fairQueue.retire({ ref: 't.last', keptBytes: 1 });
    const retentionMs = MAX_DELAY_MS + d.limits.unfinishedRetentionMs + d.limits.recordRetentionMs;
    const { allJobs, expiringJobs, expiringLogs, holders } = d.keys;
    const lists = [allJobs, expiringJobs, expiringLogs, holders, d.keys.jobsOf('t'), d.keys.storedBytesOf('t')];
    for (const list of lists) {
      const leftMs = await d.redis.pttl(list);
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(retentionMs);
    }
  });

  it('counts an id that comes again after its job had ended', async () => {
    await using d = LogHarness.single(server.url);
    const { fairQueue, open } = indexOf(d);
    await fairQueue.admit(sized('t.again'), ROOMY);
    await fairQueue.retire({ ref: 't.again', keptBytes: 1 });
    expect(await open()).toEqual([]);
    await fairQueue.admit(sized('t.again'), ROOMY);
    expect(await open()).toEqual(['t.again']);
    expect(await d.redis.hget(d.keys.storedBytesOf('t'), 'total')).toBe('150');
  });

  it('readmits a job whose entries are lost, even beyond the limits, and does not change known jobs', async () => {
    await using d = LogHarness.single(server.url);
    const { fairQueue, open } = indexOf(d);
    const limits = { ...ROOMY, maxQueued: 2, maxOpenPerTenant: 2 };
    for (const ref of ['t.first', 't.second'] as const) await fairQueue.admit(sized(ref), limits);
    const bytes = { kept: 100, request: 50, log: 10 };
    const lost = { attempt: 0, status: 'queued' as const, pipeline: 'chat', model: 'm', bytes };
    await fairQueue.restore({ ...lost, ref: 't.queued' });
    await fairQueue.restore({ ...lost, ref: 't.active', attempt: 1, status: 'active' });
    await fairQueue.restore({ ...lost, ref: 't.released', attempt: 1 });
    await fairQueue.restore({ ...lost, ref: 't.first' });
    expect(await open()).toEqual(['t.first', 't.second', 't.queued', 't.active', 't.released']);
    const waiting = await d.redis.zrange(d.keys.queuedJobs, '0', '-1');
    expect(waiting).toEqual(['t.released', 't.first', 't.second', 't.queued']);
    expect(await fairQueue.admit(sized('t.new'), limits)).toEqual({ outcome: 'queue-full' });
  });

  it('drops entries of a job that were written after its end', async () => {
    await using d = LogHarness.single(server.url);
    const { fairQueue } = indexOf(d);
    for (const ref of ['t.late', 't.open'] as const) await fairQueue.admit(sized(ref), ROOMY);
    await fairQueue.retire({ ref: 't.late', keptBytes: 1 });
    await fairQueue.markReleased('t.late');
    await fairQueue.pruneStale();
    expect([await fairQueue.positionOf('t.late'), await fairQueue.positionOf('t.open')]).toEqual([null, 1]);
  });

  it('leaves nothing of an admission that is undone', async () => {
    await using d = LogHarness.single(server.url);
    const { fairQueue, open } = indexOf(d);
    await fairQueue.admit(sized('t.y'), ROOMY);
    await fairQueue.admit(sized('t.x'), ROOMY);
    await fairQueue.dropAdmission('t.y');
    expect(await open()).toEqual(['t.x']);
    await fairQueue.dropAdmission('t.x');
    const kept = await d.redis.keys(`${d.keys.openJobs.replace(':open', '')}*`);
    expect(kept).toEqual([d.keys.fairTurns]);
  });
});

describe('the place in the queue', () => {
  it('counts the tenant’s own queued jobs, and all others together as one', async () => {
    await using d = LogHarness.single(server.url);
    const { fairQueue } = indexOf(d);
    const places = (...refs: JobRef[]) => Promise.all(refs.map((ref) => fairQueue.positionOf(ref)));
    for (const ref of ['t.x', 't.y', 't.z'] as const) await fairQueue.admit(sized(ref), ROOMY);
    expect(await places('t.x', 't.y', 't.z')).toEqual([1, 2, 3]);
    await fairQueue.markStarted('t.x');
    expect(await places('t.x', 't.y', 't.z')).toEqual([null, 1, 2]);
    for (const id of ['1', '2', '3', '4', '5']) await fairQueue.admit(sized(jobRef('crowd', id)), ROOMY);
    // a tenant behind jobs of others sees one, however many they are
    expect(await places('t.y', 't.z')).toEqual([2, 3]);
    for (const id of ['6', '7', '8', '9']) await fairQueue.admit(sized(jobRef('mob', id)), ROOMY);
    expect(await places('t.y', 't.z')).toEqual([2, 3]);
    await fairQueue.admit(sized('late.comer'), ROOMY);
    expect(await places('late.comer')).toEqual([2]);
  });
});
