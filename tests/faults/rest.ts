import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { SystemHarness } from '../e2e/system-harness.ts';
import type { GatedJob } from './gated-job.ts';
import { Store } from './store.ts';

/** Expects that ended jobs do not change: their logs stay the same, nobody calls the model again, and the queue has no
 *  entry of theirs.
 *  @param ms long enough for a sweep, and for a take-over */
export async function expectRest(system: SystemHarness, jobs: readonly GatedJob[], ms: number): Promise<void> {
  using store = new Store(system);
  const look = async () => ({
    requests: system.model.requests.length,
    logs: await Promise.all(jobs.map(({ id }) => store.log(id))),
  });
  const before = await look();
  await delay(ms);
  expect(await look()).toEqual(before);
  const queued = await Promise.all(jobs.map(({ id }) => store.isQueued(id)));
  expect(queued).toEqual(jobs.map(() => false));
}
