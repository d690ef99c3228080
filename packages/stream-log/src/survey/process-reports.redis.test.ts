import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually, newKeyPrefix, startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { KeySpace } from '../redis/keys.ts';
import type { ProcessReport } from './process-report.ts';
import { ProcessReports } from './process-reports.ts';

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

it('reports of processes that were killed go, also while nobody watches, and those of the living stay', async () => {
  const keys = new KeySpace(newKeyPrefix());
  const reports = new ProcessReports(redis, keys);
  const told = {} as ProcessReport;
  await reports.report('living', told);
  await redis.hset(keys.reports, 'killed', `${Date.now() - 120_000} {}`);
  await eventually(async () => {
    await reports.report('reporting', told);
    return (await redis.hexists(keys.reports, 'killed')) === 0;
  });
  expect((await redis.hkeys(keys.reports)).sort((a, b) => a.localeCompare(b))).toEqual(['living', 'reporting']);
});
