import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, post, submit } from '../testing/api-harness.ts';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

describe('limits (PROTOCOL §7)', () => {
  it('refuse new work when the queue is full, but no repeated request', async () => {
    await using harness = new ApiHarness(redis.url, { MILLRACE_MAX_QUEUED_JOBS: '1' });
    const node = await harness.node();
    const id = await submit(node);
    const full = await post(node, { query: 'more' });
    expect(full.status).toBe(503);
    expect(full.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await full.json()).toMatchObject({ code: 'QUEUE_FULL' });
    expect(await submit(node, { 'x-request-id': id })).toBe(id);
  });

  it('count a tenant’s unfinished jobs only', async () => {
    await using harness = new ApiHarness(redis.url, { MILLRACE_MAX_JOBS_PER_TENANT: '1' });
    const node = await harness.node();
    const id = await submit(node);
    const limited = await post(node, { query: 'more' });
    expect(limited.status).toBe(429);
    expect(limited.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await limited.json()).toMatchObject({ code: 'RATE_LIMITED' });
    await fetch(`${node.url}/jobs/${id}`, { method: 'DELETE' });
    await submit(node);
  });

  it('admit one of many jobs sent at once', async () => {
    await using harness = new ApiHarness(redis.url, { MILLRACE_MAX_JOBS_PER_TENANT: '1' });
    const node = await harness.node();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post(node, { query: 'x' }, { accept: 'application/json' })),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  });
});
