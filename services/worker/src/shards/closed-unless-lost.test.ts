import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { closedUnlessLost } from './closed-unless-lost.ts';

const never = new Promise<void>(() => undefined);
const THERE = { isThere: true };

describe('what waits for a shutdown', () => {
  it('waits until it is closed, however long, while every shard is there', async () => {
    expect(await closedUnlessLost(delay(100), [THERE, THERE], 10)).toBe(true);
  });

  it('gives up after a moment when any is lost, also if that happens later', async () => {
    expect(await closedUnlessLost(never, [THERE, { isThere: false }], 10)).toBe(false);
    const presence = { isThere: true };
    const given = closedUnlessLost(never, [presence], 10);
    await delay(50);
    presence.isThere = false;
    expect(await given).toBe(false);
  });

  it('tells of what fails', async () => {
    await expect(closedUnlessLost(Promise.reject(new Error('no')), [THERE])).rejects.toThrow('no');
  });
});
