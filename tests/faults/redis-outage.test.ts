import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SpawnedService } from '@millrace/testing';
import { Redis } from 'ioredis';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';
import { callMeanwhile, newJob, recovery } from './outage.ts';

const RECOVERY_MS = 5_000;

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start({ faulty: true });
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

/** Takes Redis away, brings it back, and checks the promise.
 *  @param ms how long it is away */
async function outage(ms: number, away: () => Promise<void> | void, back: () => Promise<void> | void): Promise<void> {
  const pids = servicesOf(system).map(({ pid }) => pid);
  using load = await Load.start(system, { jobs: 30, at: (index) => [system.url, system.node(index)][index % 2] ?? '' });
  await away();
  const meanwhile = await callMeanwhile(system, load.watchers[0]?.id ?? '', ms);
  await back();
  const { streamsMs, newJobMs } = await recovery(system, load);
  await load.finish();
  figures({
    streamsMs,
    newJobMs,
    slowestCallMs: meanwhile.slowestMs,
    calls: meanwhile.count,
    takenOver: load.restarts,
  });

  expect(await load.offences()).toEqual([]);
  expect(load.watchers.filter(({ watcher }) => watcher.terminal?.event !== 'done')).toEqual([]);
  expect(meanwhile.wrong).toEqual([]);
  expect(streamsMs).toBeLessThanOrEqual(RECOVERY_MS);
  expect(newJobMs).toBeLessThanOrEqual(RECOVERY_MS);
  // no restart was needed
  expect(
    servicesOf(system)
      .filter(({ child }) => child.running)
      .map(({ pid }) => pid),
  ).toEqual(pids);
}

function servicesOf({ apis, workers }: SystemHarness): SpawnedService[] {
  return [...apis, ...workers];
}

describe('Redis gone', () => {
  it.each([1, 10, 60])(
    'for %i s (process stopped, then started with its data): all resume within 5 s',
    async (seconds) => {
      await outage(
        seconds * 1_000,
        () => system.redis.shutDown(),
        () => system.redis.start(),
      );
    },
  );

  it('blackholed (packets vanish, no reset) for 20 s: all resume within 5 s, no request hangs', async () => {
    const ways = Object.values(system.network);
    const blackhole = (on: boolean) => {
      for (const way of ways) way.blackhole(on);
    };
    await outage(
      20_000,
      () => blackhole(true),
      () => blackhole(false),
    );
  });

  it('restarted without its data: streams end in reset or error, never in silence or a hole; new jobs work', async () => {
    using load = await Load.start(system, { jobs: 30, at: (index) => system.node(index) });
    await system.redis.shutDown();
    // nobody may see the old data again before it is discarded
    for (const way of Object.values(system.network)) way.refuse(true);
    await system.redis.start();
    const admin = new Redis(system.redis.url);
    await admin.flushall();
    admin.disconnect();
    for (const way of Object.values(system.network)) way.refuse(false);

    const since = performance.now();
    const [newJobMs] = await Promise.all([newJob(system), ...load.watchers.map(({ watcher }) => watcher.over)]);
    const endsMs = load.watchers.map(({ watcher }) => (watcher.terminal?.at ?? Number.NaN) - since);
    figures({ newJobMs, streamsMs: Math.max(...endsMs) });
    // nothing is left of the jobs: all text becomes void, and the stream ends
    for (const { watcher } of load.watchers) {
      const last = watcher.events.slice(-2).map(({ event, data }) => [event, data.reason ?? data.code]);
      expect(last).toEqual([
        ['reset', 'log-lost'],
        ['error', 'INTERNAL'],
      ]);
      expect(watcher.events.filter(({ event }) => event === 'error')).toHaveLength(1);
    }
    expect(Math.max(...endsMs)).toBeLessThanOrEqual(RECOVERY_MS);
    expect(newJobMs).toBeLessThanOrEqual(RECOVERY_MS);
  });
});
