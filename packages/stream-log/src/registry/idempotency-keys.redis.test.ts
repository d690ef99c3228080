import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '@millrace/testing';
import { Deployment } from '../testing/log-harness.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server.stop());

describe('idempotency keys', () => {
  it('stand for the id of whoever came first, per tenant', async () => {
    await using d = Deployment.single(server.url);
    const keys = new IdempotencyKeys(d.redis, d.keys, d.limits);
    expect(await keys.find('a', 'key')).toBeNull();
    const claims = await Promise.all(Array.from({ length: 10 }, (_, i) => keys.claim('a', 'key', `id-${i}`)));
    expect(new Set(claims).size).toBe(1);
    expect(await keys.claim('a', 'key', 'late')).toBe(claims[0]);
    expect(await keys.find('a', 'key')).toBe(claims[0]);
    expect(await keys.claim('b', 'key', 'other')).toBe('other');
  });

  it('are let go by the request that claimed them, and by no other', async () => {
    await using d = Deployment.single(server.url);
    const keys = new IdempotencyKeys(d.redis, d.keys, d.limits);
    await keys.claim('a', 'key', 'mine');
    await keys.unclaim('a', 'key', 'not-mine');
    expect(await keys.find('a', 'key')).toBe('mine');
    await keys.unclaim('a', 'key', 'mine');
    expect(await keys.find('a', 'key')).toBeNull();
  });
});
