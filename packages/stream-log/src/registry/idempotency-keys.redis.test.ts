import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { digestOf, IdempotencyKeys } from './idempotency-keys.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
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
});
