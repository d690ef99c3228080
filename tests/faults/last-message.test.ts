import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, MessageLoss } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';

const JOBS = 50;

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start({ faulty: true });
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

describe('the very last published message', () => {
  it('lost: every watcher ends within 3 s', async () => {
    const loss = new MessageLoss((payload) => /^\S+ done /m.test(payload));
    const { api } = system.network;
    api.filter(() => loss.filter());
    api.reset(); // closes connections from before the filter
    for (const { url } of system.apis) await eventually(async () => (await fetch(`${url}/readyz`)).ok);

    // one watcher of each job on each node
    using load = await Load.start(system, { jobs: JOBS, watchersPerJob: 2, at: (index) => system.node(index) });
    const since = performance.now();
    await load.finish();
    const endsMs = load.watchers.map(({ watcher }) => (watcher.terminal?.at ?? Number.NaN) - since);
    figures({ lost: loss.count, soonestMs: Math.min(...endsMs), latestMs: Math.max(...endsMs) });
    expect(await load.offences()).toEqual([]);
    expect([loss.count, load.restarts, load.resumptions]).toEqual([2 * JOBS, 0, 0]);
    expect(Math.max(...endsMs)).toBeLessThanOrEqual(3_000);
  });
});
