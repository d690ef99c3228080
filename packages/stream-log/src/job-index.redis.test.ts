import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '@millrace/testing';
import { IdempotencyKeys } from './idempotency-keys.ts';
import { JobIndex } from './job-index.ts';
import { Deployment } from './testing/deployment.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server.stop());

const ROOMY = { maxQueued: 1_000, maxOpenPerTenant: 1_000 };

describe('the index of jobs', () => {
  it('admits up to its limits, also when all come at once, and always whom it knows', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    const limits = { maxQueued: 5, maxOpenPerTenant: 3 };
    const admit = (id: string, tenant: string) => index.admit({ id, tenant }, limits).then(({ outcome }) => outcome);
    const first = await Promise.all(Array.from({ length: 6 }, (_, i) => admit(`a${i}`, 'a')));
    expect(first.filter((outcome) => outcome === 'admitted')).toHaveLength(3);
    expect(first.filter((outcome) => outcome === 'rate-limited')).toHaveLength(3);
    expect([await admit('b1', 'b'), await admit('b2', 'b'), await admit('b3', 'b')]).toEqual([
      'admitted',
      'admitted',
      'queue-full',
    ]);
    expect(await admit('a0', 'a')).toBe('admitted');
    await index.taken('b1');
    expect(await admit('b3', 'b')).toBe('admitted');
    await index.left({ id: 'a0', tenant: 'a' });
    expect(await admit('a9', 'a')).toBe('admitted');
  });

  it('takes and dismisses many jobs of several tenants at once, each as if it came alone', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    const jobs = ['a', 'b'].flatMap((tenant) => [1, 2, 3].map((nth) => ({ id: `${tenant}${nth}`, tenant })));
    for (const job of jobs) await index.admit(job, ROOMY);
    await Promise.all([...jobs.slice(0, 5).map(({ id }) => index.taken(id)), index.taken('unknown')]);
    expect(await d.redis.zrange(d.keys.queuedJobs, '0', '-1')).toEqual(['b3']);
    // the turn of `a3`, the last that was taken
    expect(await d.redis.hget(d.keys.turns, 'taken')).toBe('3');
    await Promise.all(jobs.slice(0, 5).map((job) => index.left(job)));
    expect(await d.redis.zrange(d.keys.openJobs, '0', '-1')).toEqual(['b3']);
    expect(await d.redis.zrange(d.keys.openJobsOf('a'), '0', '-1')).toEqual([]);
    expect(await d.redis.zrange(d.keys.leavingJobs, '0', '-1')).toEqual(['a1:a', 'a2:a', 'a3:a', 'b1:b', 'b2:b']);
  });

  it('leaves no list behind when no more jobs come', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    const job = { id: 'last', tenant: 't' };
    await index.admit(job, ROOMY);
    await index.taken(job.id);
    await index.left(job);
    const retentionMs = d.limits.unfinishedRetentionMs + d.limits.recordRetentionMs;
    for (const list of [d.keys.allJobs, d.keys.jobsOf('t'), d.keys.leavingJobs]) {
      const leftMs = await d.redis.pttl(list);
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(retentionMs);
    }
  });

  it('lists a job until its record is gone, and then holds nothing of it', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, { ...d.limits, recordRetentionMs: 300 });
    const listed = async () => (await index.list({ tenant: null, limit: 10 })).ids;
    for (const id of ['early', 'again', 'open']) await index.admit({ id, tenant: id }, ROOMY);
    await index.left({ id: 'early', tenant: 'early' });
    await index.left({ id: 'again', tenant: 'again' });
    expect([await index.forget(10), await listed()]).toEqual([0, ['open', 'again', 'early']]);
    await delay(310);
    // its id comes again at the last moment: that is a new job
    await index.admit({ id: 'again', tenant: 'again' }, ROOMY);
    expect([await index.forget(10), await listed()]).toEqual([1, ['again', 'open']]);
    expect((await index.list({ tenant: 'early', limit: 10 })).ids).toEqual([]);
    expect(await d.redis.exists(d.keys.leavingJobs, d.keys.jobsOf('early'))).toBe(0);
  });

  it('counts an id that comes again after its job had ended', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    const job = { id: 'again', tenant: 't' };
    await index.admit(job, ROOMY);
    await index.left(job);
    expect((await index.open({ olderThanMs: 0, limit: 10 })).ids).toEqual([]);
    await index.admit(job, ROOMY);
    expect((await index.open({ olderThanMs: 0, limit: 10 })).ids).toEqual(['again']);
    expect((await index.list({ tenant: 't', limit: 10 })).ids).toEqual(['again']);
  });

  it('counts a job in again of which it has lost all, also beyond the limits, and leaves alone whom it knows', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    const open = async () => (await index.open({ olderThanMs: 0, limit: 10 })).ids;
    const limits = { maxQueued: 2, maxOpenPerTenant: 2 };
    for (const id of ['first', 'second']) await index.admit({ id, tenant: 't' }, limits);
    const lost = { tenant: 't', attempt: 0, status: 'queued' as const };
    await index.restore({ ...lost, id: 'queued' });
    await index.restore({ ...lost, id: 'active', attempt: 1, status: 'active' });
    await index.restore({ ...lost, id: 'released', attempt: 1 });
    await index.restore({ ...lost, id: 'first' });
    expect(await open()).toEqual(['first', 'second', 'queued', 'active', 'released']);
    const places = ['released', 'first', 'second', 'queued', 'active'].map((id) => index.queuePosition(id));
    expect(await Promise.all(places)).toEqual([1, 2, 3, 4, null]);
    expect(await index.admit({ id: 'new', tenant: 't' }, limits)).toEqual({ outcome: 'queue-full' });
  });

  it('drops what was noted of a job after it had ended', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    for (const id of ['late', 'open']) await index.admit({ id, tenant: 't' }, ROOMY);
    await index.left({ id: 'late', tenant: 't' });
    await index.released('late');
    await index.prune();
    expect([await index.queuePosition('late'), await index.queuePosition('open')]).toEqual([null, 1]);
  });

  it('lists each job once, newest first, page by page, for a tenant or for all', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    for (let i = 0; i < 10; i++) await index.admit({ id: `j${i}`, tenant: i % 2 ? 'odd' : 'even' }, ROOMY);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await index.list({ tenant: null, limit: 3, cursor });
      seen.push(...page.ids);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(['j9', 'j8', 'j7', 'j6', 'j5', 'j4', 'j3', 'j2', 'j1', 'j0']);
    expect((await index.list({ tenant: 'odd', limit: 10 })).ids).toEqual(['j9', 'j7', 'j5', 'j3', 'j1']);
  });

  it('gives an abandoned job to one node, unless a reader came back, and again when that node is lost', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    await d.redis.zadd(d.keys.abandonedJobs, 1_000, 'job');
    expect(await index.claimAbandoned('job', 999, 2_000)).toBe(false);
    const claims = await Promise.all([1, 2, 3].map(() => index.claimAbandoned('job', 1_000, 2_000)));
    expect(claims.filter((claimed) => claimed)).toHaveLength(1);
    expect(await index.claimAbandoned('job', 2_000, 3_000)).toBe(true);
    expect(await index.claimAbandoned('unknown', 2_000, 3_000)).toBe(false);
    expect(await d.redis.zscore(d.keys.abandonedJobs, 'job')).toBe('3000');
  });

  it('tells the place in the queue, and what a sweep has to look at', async () => {
    await using d = Deployment.single(server.url);
    const index = new JobIndex(d.redis, d.keys, d.limits);
    for (const id of ['x', 'y', 'z']) await index.admit({ id, tenant: 't' }, ROOMY);
    expect(await index.queuePosition('z')).toBe(3);
    await index.taken('x');
    expect(await index.queuePosition('z')).toBe(2);
    expect(await index.queuePosition('x')).toBeNull();
    expect((await index.open({ olderThanMs: 0, limit: 10 })).ids).toEqual(['x', 'y', 'z']);
    expect((await index.open({ olderThanMs: 60_000, limit: 10 })).ids).toEqual([]);
    await index.withdraw({ id: 'y', tenant: 't' });
    expect((await index.open({ olderThanMs: 0, limit: 10 })).ids).toEqual(['x', 'z']);
  });
});

describe('idempotency keys', () => {
  it('stand for the id of whoever came first, per tenant', async () => {
    await using d = Deployment.single(server.url);
    const keys = new IdempotencyKeys(d.redis, d.keys, d.limits);
    const claims = await Promise.all(Array.from({ length: 10 }, (_, i) => keys.claim('a', 'key', `id-${i}`)));
    expect(new Set(claims).size).toBe(1);
    expect(await keys.claim('a', 'key', 'late')).toBe(claims[0]);
    expect(await keys.claim('b', 'key', 'other')).toBe('other');
  });
});
