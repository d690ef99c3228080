import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnService, startFaultProxy } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { GatedJob, offencesOf } from './gated-job.ts';
import { Load } from './load.ts';
import { expectRest } from './rest.ts';
import { Store } from './store.ts';

// every 5 s, a sweep looks for jobs older than 5 s
const NEXT_SWEEP_MS = 11_000;

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start();
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

describe('nodes', () => {
  it('API node SIGKILL with 200 streams on it: all resume on the other node', async () => {
    // created on the node that dies, watched through nginx, which finds the remaining one
    let creating = true;
    const node = system.node(0);
    using load = await Load.start(system, {
      jobs: 40,
      watchersPerJob: 5,
      stepMs: 200,
      at: () => (creating ? node : system.url),
    });
    creating = false;
    await system.apis[0]?.kill();
    const streamsMs = await load.flows();
    await load.finish();
    figures({ streams: load.watchers.length, streamsMs, resumptions: load.resumptions });
    expect(await load.offences()).toEqual([]);
    expect([load.watchers.length, load.restarts]).toEqual([200, 0]);
    expect(streamsMs).toBeLessThanOrEqual(5_000);
  });

  it('API node SIGKILL between the record and the queue: queued within 10 s by another node, runs once', async () => {
    await using network = await startFaultProxy({ target: system.redis.port });
    const redisUrl = `redis://127.0.0.1:${network.port}`;
    await using node = await spawnService('api', { ...system.env, REDIS_URL: redisUrl });
    using store = new Store(system);
    // blackhole only the node's connection for queueing: records are written, and queue entries vanish
    expect(network.swallow(await store.portsOf(/:queue$/))).toBe(1);
    const jobs = await GatedJob.openMany(system, 30, { at: node.url });
    await Promise.all(jobs.map(({ watchers }) => watchers[0]?.until(({ event }) => event === 'accepted')));
    const killedAt = performance.now();
    await node.kill();
    const queued = await Promise.all(jobs.map(({ id }) => store.isQueued(id)));
    expect(queued).toEqual(jobs.map(() => false));

    const started = await Promise.all(jobs.map((job) => job.started(1)));
    const times = started.map(({ at }) => at - killedAt);
    await Promise.all(jobs.map((job) => job.finish()));
    await Promise.all(jobs.map(({ over }) => over));
    await expectRest(system, jobs, NEXT_SWEEP_MS);
    figures({ jobs: jobs.length, soonestMs: Math.min(...times), latestMs: Math.max(...times) });
    expect(await offencesOf(jobs)).toEqual([]);
    expect(Math.max(...times)).toBeLessThanOrEqual(10_000);
    expect(jobs.map(({ requests }) => requests.length)).toEqual(jobs.map(() => 1));
  });
});
