import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { System } from '../e2e/system.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';

let system: System;
beforeEach(async () => {
  system = await System.start();
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

describe('nodes', () => {
  it('API node SIGKILL with 200 streams on it: all resume on the other node', async () => {
    // created on the node that dies, watched through nginx, which finds the one that is left
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
    expect(await load.faults()).toEqual([]);
    expect([load.watchers.length, load.restarts]).toEqual([200, 0]);
    expect(streamsMs).toBeLessThanOrEqual(5_000);
  });
});
