import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { Redis } from 'ioredis';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';
import { Traffic } from './traffic.ts';

const PAUSE_MS = 500;

let system: SystemHarness;
let admin: Redis;
beforeEach(async () => {
  system = await SystemHarness.start();
  admin = new Redis(system.redis.url);
});
afterEach(async () => {
  admin.disconnect();
  await system[Symbol.asyncDispose]();
});

/** Kills BullMQ's connections: the producer's of each API node, and the consumer's of each worker. */
async function killQueueConnections(): Promise<void> {
  // first, connections killed earlier must be back
  const ids = await eventually(async () => {
    const clients = String(await admin.client('LIST')).split('\n');
    const found = clients.filter((line) => /:(queue|blocking)/.test(line));
    return found.length >= 4 && found.map((line) => /\bid=(\d+)/.exec(line)?.[1] ?? '');
  });
  for (const id of ids) await admin.call('CLIENT', 'KILL', 'ID', id);
}

describe('Redis', () => {
  it.each([
    ['SCRIPT FLUSH', async () => void (await admin.script('FLUSH'))],
    ['CLIENT PAUSE', async () => void (await admin.call('CLIENT', 'PAUSE', PAUSE_MS, 'ALL'))],
    ['connection of BullMQ killed', killQueueConnections],
  ])('%s: invisible', async (_nuisance, strike) => {
    using load = await Load.start(system, { jobs: 30, at: (index) => system.node(index) });
    const traffic = new Traffic(system);
    for (let strikes = 0; strikes < 10; strikes += 1) {
      await strike();
      await load.flows();
      await load.flows();
    }
    await load.finish();
    const requests = await traffic.stop();
    figures({ requests, longestSilenceMs: load.longestSilenceMs });
    expect(traffic.failures).toEqual([]);
    expect(await load.offences()).toEqual([]);
    expect([load.restarts, load.resumptions]).toEqual([0, 0]);
    expect(load.longestSilenceMs).toBeLessThanOrEqual(PAUSE_MS + 500);
  });
});
