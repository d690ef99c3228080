import { describe, expect, it } from '@jest/globals';
import { startModel } from '@millrace/simulated-model';
import { eventually, startRedis } from '@millrace/testing';
import { WorkerHarness } from '../testing/worker-harness.ts';

describe('a worker whose Redis was away', () => {
  it('consumes again at once, although the outage was longer than drainDelay, and is unready meanwhile (BullMQ)', async () => {
    await using redis = await startRedis();
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const { healthUrl } = await harness.worker({ MILLRACE_WORKER_HEALTH_PORT: '0' });
    await harness.end(await harness.submit());
    await redis.shutDown();
    const readiness = async () => (await fetch(`${healthUrl}/readyz`)).json() as Promise<{ consuming: boolean }>;
    // it stops consuming after three times the drainDelay without a fetch
    await eventually(async () => !(await readiness()).consuming);
    await redis.start();
    const backAt = performance.now();
    const id = await harness.submit();
    expect((await harness.end(id))[0]).toBe('done');
    await eventually(async () => (await readiness()).consuming);
    expect(performance.now() - backAt).toBeLessThan(15_000);
  });

  it('goes on with a running answer and loses nothing of it (Dify #41712)', async () => {
    await using redis = await startRedis();
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated();
    await harness.worker();
    const id = await harness.submit();
    await harness.store(id, gate, 'a');
    await redis.kill();
    await gate.say('b');
    await redis.start();
    await gate.say('c');
    await gate.finish();
    expect((await harness.end(id))[0]).toBe('done');
    expect(await harness.text(id)).toBe('abc');
    expect((await harness.reader.outline(id))?.attempt).toBe(1);
  });
});
