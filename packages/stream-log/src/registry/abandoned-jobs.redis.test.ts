import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { AbandonedJobs } from './abandoned-jobs.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe('abandoned jobs', () => {
  it('are claimed by one node, unless a reader came back, and again when that node is lost', async () => {
    await using d = LogHarness.single(server.url);
    const abandoned = new AbandonedJobs(d.redis, d.keys);
    await abandoned.set('t.job', 1_000);
    expect(await abandoned.claim('t.job', 999, 2_000)).toBe(false);
    const claims = await Promise.all([1, 2, 3].map(() => abandoned.claim('t.job', 1_000, 2_000)));
    expect(claims.filter((claimed) => claimed)).toHaveLength(1);
    expect(await abandoned.claim('t.job', 2_000, 3_000)).toBe(true);
    expect(await abandoned.claim('t.unknown', 2_000, 3_000)).toBe(false);
    expect(await d.redis.zscore(d.keys.abandonedJobs, 't.job')).toBe('3000');
  });

  it('have deadlines that readers move forward, never back, and only where one is set', async () => {
    await using d = LogHarness.single(server.url);
    const abandoned = new AbandonedJobs(d.redis, d.keys);
    await abandoned.extend(['t.created'], 2_000, { create: true });
    await abandoned.extend(['t.created', 't.watched'], 1_000, { create: false });
    expect(await abandoned.overdue(5_000, 10)).toEqual(['t.created']);
    expect(await abandoned.overdue(1_999, 10)).toEqual([]);
    await abandoned.setExisting('t.created', 1_500);
    await abandoned.setExisting('t.watched', 1_500);
    expect(await abandoned.overdue(1_500, 10)).toEqual(['t.created']);
    await abandoned.remove('t.created');
    expect(await abandoned.overdue(5_000, 10)).toEqual([]);
  });
});
