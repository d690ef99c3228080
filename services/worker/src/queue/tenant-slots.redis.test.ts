import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobRef } from '@millrace/contracts';
import { startModel } from '@millrace/simulated-model';
import { FairQueue, TenantSlots } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { WorkerHarness } from '../testing/worker-harness.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const ROOMY = { maxQueued: 1_000, maxOpenPerTenant: 1_000, maxStoredBytesPerTenant: 1_000_000 };

describe('a tenant with more endless jobs than there are slots (law 16)', () => {
  it('leaves a slot to others at once, and its waiting jobs run one by one as its own end', async () => {
    await using model = await startModel();
    for (let call = 0; call < 12; call += 1) model.gated();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const { keys } = harness;
    const limits = { recordRetentionMs: 60_000, logRetentionMs: 60_000, unfinishedRetentionMs: 60_000 };
    const fairQueue = new FairQueue(harness.redis, keys, limits);
    await new TenantSlots(harness.redis, keys, null).setPolicy('share');
    const submit = async (tenant: string): Promise<JobRef> => {
      const ref = await harness.submit({ tenant, queued: false });
      const admission = await fairQueue.admit({ ref, keptBytes: 1, requestBytes: 1 }, ROOMY);
      await harness.enqueue(ref, admission.outcome === 'admitted' ? admission.priority : 1);
      return ref;
    };
    const statuses = async (refs: readonly JobRef[]) => {
      const jobs = await harness.reader.outlines(refs);
      return refs.filter((_, place) => jobs[place]?.status === 'active');
    };
    await harness.worker({ MILLRACE_WORKER_CONCURRENCY: '5', MILLRACE_WORKER_GRACE_MS: '0' });
    const greedy: JobRef[] = [];
    while (greedy.length < 9) greedy.push(await submit('greedy'));
    await eventually(async () => (await statuses(greedy)).length === 4);
    await eventually(async () => (await harness.redis.zcard(keys.parkedJobsOf('greedy'))) === 5);
    // parked jobs stand in nobody's way
    const modest = await submit('modest');
    await harness.reached(modest, 'active');
    expect(await statuses(greedy)).toHaveLength(4);

    const [first] = await statuses(greedy);
    if (first === undefined) throw new Error('one runs');
    await harness.canceller.cancel(first, 'owner');
    await eventually(async () => (await statuses(greedy)).length === 4);
    expect(await statuses(greedy)).not.toContain(first);
    await eventually(async () => (await harness.redis.zcard(keys.parkedJobsOf('greedy'))) === 4);
  });
});
