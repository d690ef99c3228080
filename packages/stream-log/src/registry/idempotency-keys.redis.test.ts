import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, startRedisCluster, type TestRedis } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { digestOf, IdempotencyKeys } from './idempotency-keys.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe('idempotency keys', () => {
  it('stand for the id of the first request, per tenant', async () => {
    await using d = LogHarness.single(server.url);
    const keys = new IdempotencyKeys(d.redis, d.keys, d.limits);
    expect(await keys.find('a', 'key')).toBeNull();
    const ids = await Promise.all(Array.from({ length: 10 }, (_, i) => keys.reserve('a', 'key', `id-${i}`)));
    expect(new Set(ids).size).toBe(1);
    expect(await keys.reserve('a', 'key', 'late')).toBe(ids[0]);
    expect(await keys.find('a', 'key')).toBe(ids[0]);
    expect(await keys.reserve('b', 'key', 'other')).toBe('other');
  });

  it('are deleted by the request that reserved them, and by no other', async () => {
    await using d = LogHarness.single(server.url);
    const keys = new IdempotencyKeys(d.redis, d.keys, d.limits);
    await keys.reserve('a', 'key', 'mine');
    await keys.unreserve('a', digestOf('a', 'key'), 'not-mine');
    expect(await keys.find('a', 'key')).toBe('mine');
    await keys.unreserve('a', digestOf('a', 'key'), 'mine');
    expect(await keys.find('a', 'key')).toBeNull();
  });

  it.each(['one server', 'a cluster'])(
    'of an erased tenant go, but not those of jobs that came meanwhile, on %s',
    async (place) => {
      await using cluster = place === 'a cluster' ? await startRedisCluster() : null;
      await using d = cluster === null ? LogHarness.single(server.url) : LogHarness.cluster(cluster.ports);
      const keys = new IdempotencyKeys(d.redis, d.keys, d.limits);
      const tenants = ['own', 'own:idempotency', 'own*', 'o'];
      for (const tenant of tenants) {
        for (let nth = 0; nth < 20; nth += 1) await keys.reserve(tenant, `key ${nth}`, `gone-${nth}`);
      }
      await keys.reserve('own', 'key of a new job', 'new');
      await d.redis.zadd(d.keys.jobsOf('own'), 1, 'own.new');
      await keys.forgetTenant('own');
      const left = (tenant: string) =>
        Promise.all(Array.from({ length: 20 }, (_, nth) => keys.find(tenant, `key ${nth}`)));
      expect(new Set(await left('own'))).toEqual(new Set([null]));
      for (const other of tenants.slice(1)) expect(await left(other)).not.toContain(null);
      expect(await keys.find('own', 'key of a new job')).toBe('new');
    },
  );
});
