import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AbandonedJobs } from '@millrace/stream-log';
import type { ApiSettings } from '../settings.ts';
import { DisconnectLeases } from './disconnect-leases.ts';
import type { Cancellation } from './steps/cancellation.ts';

const GRACE_MS = 300;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Leases over a Redis that has a clock only. */
function leasesOver(nowMs: () => Promise<number>): DisconnectLeases {
  return new DisconnectLeases(
    { MILLRACE_DISCONNECT_GRACE_MS: GRACE_MS } as ApiSettings,
    { nowMs } as AbandonedJobs,
    {} as Cancellation,
  );
}

describe('the rounds of the disconnect leases', () => {
  it('do not queue up behind one that waits for Redis', async () => {
    const answers: ((error: Error) => void)[] = [];
    const leases = leasesOver(() => new Promise((_, reject) => answers.push(reject)));
    leases.onApplicationBootstrap();
    jest.advanceTimersByTime(10 * GRACE_MS);
    answers[0]?.(new Error('Redis is away'));
    await leases.onApplicationShutdown();
    expect(answers).toHaveLength(1);
  });

  it('go on after one that failed', async () => {
    let asked = 0;
    const leases = leasesOver(() => {
      asked += 1;
      return Promise.reject(new Error('Redis is away'));
    });
    leases.onApplicationBootstrap();
    await jest.advanceTimersByTimeAsync(GRACE_MS);
    await leases.onApplicationShutdown();
    expect(asked).toBe(3);
  });
});
