import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, startFaultProxy } from '@millrace/testing';
import { Redis } from 'ioredis';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start();
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

describe('the network', () => {
  it('client connection reset at a random byte, 1,000 times: gap 0, repeat 0', async () => {
    await using clients = await startFaultProxy({ target: Number(new URL(system.url).port) });
    const url = `http://127.0.0.1:${clients.port}`;
    using load = await Load.start(system, { jobs: 20, watchersPerJob: 2, at: () => url });
    // the head of an answer is about 500 bytes: some answers are cut before their first event
    clients.cutAfter(() => Math.floor(Math.random() * 3_000));
    await eventually(() => clients.cuts >= 1_000, { timeoutMs: 120_000, everyMs: 50 });
    clients.heal();
    await load.finish();
    figures({ cuts: clients.cuts, resumptions: load.resumptions });
    expect(await load.offences()).toEqual([]);
    expect([load.restarts, load.watchers.flatMap(({ watcher }) => watcher.refusals).filter(Boolean)]).toEqual([0, []]);
  });

  it('SUBSCRIBE connection of an API node killed mid-stream, repeatedly: no more than 1 s of silence', async () => {
    using load = await Load.start(system, { jobs: 30, watchersPerJob: 2, at: (index) => system.node(index) });
    const admin = new Redis(system.redis.url);
    try {
      for (let kill = 0; kill < 20; kill += 1) {
        expect(await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBeGreaterThan(0);
        await load.flows();
        await load.flows();
      }
    } finally {
      admin.disconnect();
    }
    await load.finish();
    expect(await load.offences()).toEqual([]);
    expect([load.restarts, load.resumptions]).toEqual([0, 0]);
    figures({ longestSilenceMs: load.longestSilenceMs });
    expect(load.longestSilenceMs).toBeLessThanOrEqual(1_000);
  });
});
