import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LOG_START } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import { LogHarness, say } from '../testing/log-harness.ts';
import { JobReader } from './job-reader.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe('a reader of logs', () => {
  it('answers other commands while very many pages are requested (law 10)', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'x'.repeat(50_000));
    await writer.flush();
    const reader = new JobReader(d.redis, d.keys);
    let read = 0;
    const pages = Array.from({ length: 300 }, async () => {
      await reader.page(id, LOG_START);
      read += 1;
    });
    await d.redis.ping();
    expect(read).toBeLessThan(50);
    await Promise.all(pages);
    expect(read).toBe(300);
  });
});
