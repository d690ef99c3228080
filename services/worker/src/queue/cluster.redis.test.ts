import { describe, expect, it } from '@jest/globals';
import { startModel } from '@millrace/simulated-model';
import { eventually, severReplication, startRedisCluster, untilPromoted } from '@millrace/testing';
import { WorkerHarness } from '../testing/worker-harness.ts';

describe('a worker on Redis Cluster', () => {
  it('runs and cancels jobs in whatever slots they are', async () => {
    await using cluster = await startRedisCluster();
    await using model = await startModel();
    model.answer(['whole']);
    await using harness = new WorkerHarness(cluster.url, model.baseUrl);
    await harness.worker();
    const ids = await Promise.all(Array.from({ length: 6 }, () => harness.submit()));
    for (const id of ids) expect((await harness.end(id))[0]).toBe('done');

    const gate = model.gated();
    const id = await harness.submit();
    await gate.say('a');
    await eventually(async () => (await harness.text(id)) === 'a');
    await harness.canceller.cancel(id, 'owner');
    expect((await (await gate.request).ended).by).toBe('client');
    await eventually(async () => (await harness.queued()) === 0);
  });

  // side by side: they wait for the cluster most of the time
  it.concurrent.each([
    ['it has everything', false],
    ['it lacks the last writes', true],
  ])(
    'takes jobs again when the replica of the queue’s master is promoted and %s',
    async (_, severed) => {
      // down for longer than BullMQ waits before it renews the connection that it fetches with
      await using cluster = await startRedisCluster({ replicasPerMaster: 1, nodeTimeoutMs: 4_000 });
      await using model = await startModel();
      model.answer(['whole']);
      await using harness = new WorkerHarness(cluster.url, model.baseUrl);
      await harness.worker();
      expect((await harness.end(await harness.submit(), 15_000))[0]).toBe('done');

      const { master, replica } = await cluster.shardOf(harness.keys.queuePrefix);
      if (severed) {
        await severReplication(master, replica);
        expect((await harness.end(await harness.submit(), 15_000))[0]).toBe('done');
      }
      await master.kill();
      await untilPromoted(replica);
      expect((await harness.end(await harness.submit(), 5_000))[0]).toBe('done');
    },
    240_000,
  );
});
