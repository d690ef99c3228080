import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { StoredBytes } from './stored-bytes.ts';
import { StoredBytesCensus } from './stored-bytes-census.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** A tenant with jobs, a thread and a store, of that many bytes. */
async function tenant(d: LogHarness, name: string, bytes: { jobs: number[]; thread: number; store: number }) {
  const { jobs, thread, store } = bytes;
  await d.redis.zadd(d.keys.tenantsWithUsage, 1, name);
  const total = jobs.reduce((sum, job) => sum + job, 0);
  const pairs = jobs.flatMap((job, place) => [`${name}.job-${place}`, job]);
  await d.redis.hset(d.keys.storedBytesOf(name), ...pairs, 'total', total);
  const others = new Map([
    ['thread:a.b', thread],
    ['store', store],
  ]);
  await new StoredBytes(d.redis, d.keys).keep(name, others, 60_000);
}

describe('the census of stored bytes', () => {
  it('sums up jobs, threads and stores of all tenants', async () => {
    await using d = LogHarness.single(server.url);
    const census = new StoredBytesCensus(d.redis, d.keys);
    expect(await census.take()).toEqual({ jobs: 0, threads: 0, stores: 0 });
    await tenant(d, 'one', { jobs: [10, 20], thread: 300, store: 0 });
    await tenant(d, 'other', { jobs: [5], thread: 50, store: 7 });
    expect(await census.take()).toEqual({ jobs: 35, threads: 350, stores: 7 });
  });

  it('shares out what it does not look at as what it has looked at', async () => {
    await using d = LogHarness.single(server.url);
    for (let i = 0; i < 40; i++) await tenant(d, `t${i}`, { jobs: [100], thread: 300, store: 100 });
    expect(await new StoredBytesCensus(d.redis, d.keys).take()).toEqual({
      jobs: 4_000,
      threads: 12_000,
      stores: 4_000,
    });
  });

  it('looks at a part of a large tenant', async () => {
    await using d = LogHarness.single(server.url);
    await tenant(d, 'large', { jobs: Array.from({ length: 20_000 }, () => 100), thread: 0, store: 0 });
    const kept = Array.from({ length: 20_000 }, (_, i): [string, number] => [`thread:${i}`, 300]);
    for (let at = 0; at < kept.length; at += 1_000) {
      await new StoredBytes(d.redis, d.keys).keep('large', new Map(kept.slice(at, at + 1_000)), 60_000);
    }
    const { jobs, threads } = await new StoredBytesCensus(d.redis, d.keys).take();
    expect(Math.abs(jobs + threads - 8_000_000)).toBeLessThan(2);
    expect(threads / 8_000_000).toBeGreaterThan(0.6);
    expect(threads / 8_000_000).toBeLessThan(0.9);
  });
});
