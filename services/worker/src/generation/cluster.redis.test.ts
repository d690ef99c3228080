import { describe, expect, it } from '@jest/globals';
import { eventually, startModel, startRedisCluster } from '@millrace/testing';
import { Deployment } from './testing/deployment.ts';

describe('a worker on Redis Cluster', () => {
  it('runs and cancels jobs in whatever slots they are', async () => {
    await using cluster = await startRedisCluster();
    await using model = await startModel();
    model.answer(['whole']);
    await using deployment = new Deployment(cluster.url, model.baseUrl);
    await deployment.worker();
    const ids = await Promise.all(Array.from({ length: 6 }, () => deployment.submit()));
    for (const id of ids) expect((await deployment.end(id, 15_000))[0]).toBe('done');

    const gate = model.gated();
    const id = await deployment.submit();
    await gate.say('a');
    await eventually(async () => (await deployment.reader.text(id)) === 'a');
    await deployment.canceller.cancel(id, { by: 'owner', tenant: null });
    const answeredAt = performance.now();
    expect((await (await gate.request).ended).at - answeredAt).toBeLessThan(250);
    await eventually(async () => (await deployment.queued()) === 0);
  }, 60_000);
});
