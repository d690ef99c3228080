import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SpawnedService } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';
import { Traffic } from './traffic.ts';

const ROUNDS = 2;
const REQUESTS_PER_SECOND = 40;
const JOBS = 20;

let system: SystemHarness;
beforeEach(async () => {
  // as in production: the proxy gets time to close its connections
  system = await SystemHarness.start({ env: { MILLRACE_LINGER_MS: '5000' } });
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

describe('a deployment', () => {
  it('rolling restart of every API node and worker by SIGTERM under load: 0 failed, lost, repeated, restarted', async () => {
    using traffic = new Traffic(system, { perSecond: REQUESTS_PER_SECOND });
    const loads: Load[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      loads.push(await restartNodes());
      for (const worker of [...system.workers]) loads.push(await restartWorker(worker));
    }
    const requests = await traffic.stop();
    const streams = loads.reduce((sum, { watchers }) => sum + watchers.length, 0);
    const resumptions = loads.reduce((sum, load) => sum + load.resumptions, 0);
    figures({ requests, streams, resumptions });

    expect(traffic.failures).toEqual([]);
    for (const load of loads) {
      expect(await load.offences()).toEqual([]);
      expect(load.watchers.flatMap(({ watcher }) => watcher.refusals)).toEqual([]);
      expect(load.restarts).toBe(0);
    }
  }, 300_000);
});

/** Restarts one API node after the other, with streams on both. */
async function restartNodes(): Promise<Load> {
  using load = await Load.start(system, { jobs: JOBS, stepMs: 100 });
  for (const node of [...system.apis]) await system.restart(node);
  await load.finish();
  return load;
}

/** Restarts a worker; its jobs end within its grace period. */
async function restartWorker(worker: SpawnedService): Promise<Load> {
  using load = await Load.start(system, { jobs: JOBS, stepMs: 100 });
  const restarted = system.restart(worker);
  await worker.logged(({ msg }) => msg === 'shutting down');
  await Promise.all([load.finish(), restarted]);
  return load;
}
