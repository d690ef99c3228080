import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { SweepTurn } from './sweep-turn.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server.stop());

it('the turn to sweep is one node’s until it gives it back or is silent, and its own to renew', async () => {
  await using d = LogHarness.single(server.url);
  const [one, other, newer] = ['1', '1', '2'].map((formats) => new SweepTurn(d.redis, d.keys, formats));
  if (!one || !other || !newer) throw new Error('three nodes');
  expect([await one.take(60_000), await one.take(60_000)]).toEqual([0, 0]);
  const left = await other.take(60_000);
  expect(left > 50_000 && left <= 60_000).toBe(true);
  // of which one cannot read what the other writes
  expect(await newer.take(60_000)).toBe(0);
  await other.giveBack();
  expect(await other.take(60_000)).toBeGreaterThan(0);
  await one.giveBack();
  expect(await other.take(100)).toBe(0);
  expect(await one.take(60_000)).toBeGreaterThan(0);
  await eventually(async () => (await one.take(60_000)) === 0);
});
