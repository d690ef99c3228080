import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { SystemHarness } from '../e2e/system-harness.ts';
import type { GatedJob } from './gated-job.ts';
import { Store } from './store.ts';

/** Expects that jobs which have ended stay as they are: the log, and the model not asked again, by nobody; and that no
 *  entry of theirs is left in the queue.
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
