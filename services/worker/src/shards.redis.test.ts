import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, threadRef, WEBHOOK_QUEUE_NAME } from '@millrace/contracts';
import { startModel } from '@millrace/simulated-model';
import { FairQueue, ProcessReports } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { Queue } from 'bullmq';
import { ShardedHarness } from './testing/sharded-harness.ts';

let redis: readonly [TestRedis, TestRedis];
beforeAll(async () => {
  redis = await Promise.all([startRedis(), startRedis()]);
});
afterAll(async () => {
  await Promise.all(redis.map((server) => server.stop()));
});

const ROOMY = { maxQueued: 1_000, maxOpenPerTenant: 1_000, maxStoredBytesPerTenant: 1_000_000 };
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

function harnessOf(model: { readonly baseUrl: string }): ShardedHarness {
  return new ShardedHarness([redis[0].url, redis[1].url], model.baseUrl);
}

describe('a worker with two shards', () => {
  it('runs the jobs of both, and of each the threads that are in the other', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    await harness.worker();
    for (const shard of [0, 1]) {
      expect(await harness.end(shard, await harness.submit(shard))).toBe('done');
      const [own, other] = [harness.threadIn(shard), harness.threadIn(1 - shard)];
      expect(await harness.end(shard, await harness.submit(shard, { threadId: own }))).toBe('done');
      const elsewhere = { threadId: other, threadIn: 1 - shard };
      expect(await harness.end(shard, await harness.submit(shard, elsewhere))).toBe('done');
      const { threads } = harness.of(1 - shard);
      const ref = threadRef('default', other);
      await eventually(async () => (await threads.messages(ref, { from: 0, limit: 9 })).length >= 2);
    }
  });

  it('lets jobs of one thread run in turn, whichever shards they are in', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    const gate = model.gated();
    await harness.worker();
    const thread = { threadId: harness.threadIn(1), threadIn: 1 };
    const first = await harness.submit(0, thread);
    await gate.request;
    const second = await harness.submit(1, thread);
    const third = await harness.submit(0, thread);
    await delay(200);
    expect(await harness.of(1).reader.outline(second)).toMatchObject({ status: 'queued' });
    await gate.finish();
    expect(await harness.end(0, first)).toBe('done');
    expect(await harness.end(1, second)).toBe('done');
    expect(await harness.end(0, third)).toBe('done');
  });

  it('cancels jobs of both at once', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    await harness.worker();
    for (const shard of [0, 1]) {
      const gate = model.gated();
      const ref = await harness.submit(shard);
      await harness.of(shard).store(ref, gate, 'a');
      await harness.of(shard).cancel(ref);
      expect((await (await gate.request).ended).by).toBe('client');
      await eventually(async () => (await harness.of(shard).queued()) === 0);
    }
  });

  it('runs a job where its queue entry is, whatever its id says of its place', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    await harness.worker({ REDIS_URLS: harness.redisUrls.join(' | ') });
    const anywhere = Array.from({ length: 4 }, () => ({ shard: undefined }));
    for (const shard of [0, 1]) {
      const jobs = await Promise.all(anywhere.map((named) => harness.submit(shard, named)));
      for (const ref of jobs) expect(await harness.end(shard, ref)).toBe('done');
    }
  });

  it('queues parked jobs again in their shard', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    // one in each
    await harness.worker({ MILLRACE_MAX_ACTIVE_PER_TENANT: '2' });
    for (const shard of [0, 1]) {
      const { keys, redis: connection } = harness.of(shard);
      const limits = { recordRetentionMs: 60_000, logRetentionMs: 60_000, unfinishedRetentionMs: 60_000 };
      const fairQueue = new FairQueue(connection, keys, limits);
      const gate = model.gated();
      const jobs: JobRef[] = [];
      for (let nth = 0; nth < 3; nth += 1) {
        const ref = await harness.submit(shard, { queued: false });
        await fairQueue.admit({ ref, keptBytes: 1, requestBytes: 1 }, ROOMY);
        await harness.of(shard).enqueue(ref);
        if (nth === 0) await gate.request;
        jobs.push(ref);
      }
      await eventually(async () => (await connection.zcard(keys.parkedJobsOf('default'))) === 2);
      await gate.finish();
      for (const ref of jobs) expect(await harness.end(shard, ref)).toBe('done');
    }
  });

  it('sends the webhooks of both, and no more at a time to one receiver than with one', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    const received = new Set<string>();
    let atOnce = 0;
    let most = 0;
    const receiver = createServer((request, response) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      received.add(String(request.headers['webhook-id']).split('_')[1] ?? '');
      setTimeout(() => {
        atOnce -= 1;
        response.end();
      }, 100);
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = receiver.address() as AddressInfo;
      await harness.worker({ MILLRACE_WEBHOOK_SECRET: SECRET, MILLRACE_WEBHOOK_ALLOW: '127.0.0.1' });
      const webhook = `http://127.0.0.1:${port}/`;
      const jobs = await Promise.all([0, 1].flatMap((shard) => Array.from({ length: 8 }, () => tell(shard))));
      await eventually(async () => received.size === jobs.length, { timeoutMs: 20_000 });
      expect(most).toBeLessThanOrEqual(8);

      async function tell(shard: number): Promise<JobRef> {
        const ref = await harness.submit(shard, { webhook });
        expect(await harness.end(shard, ref)).toBe('done');
        const { keys, redis: connection } = harness.of(shard);
        const queue = new Queue(WEBHOOK_QUEUE_NAME, { connection, prefix: keys.queuePrefix });
        await queue.add('webhook', {}, { jobId: ref, removeOnComplete: true });
        await queue.close();
        return ref;
      }
    } finally {
      receiver.close();
    }
  });

  it('gives each its part of the slots', async () => {
    await using model = await startModel();
    const gates = [model.gated(), model.gated(), model.gated()];
    await using harness = harnessOf(model);
    await harness.worker({ MILLRACE_WORKER_CONCURRENCY: '4', MILLRACE_WORKER_GRACE_MS: '0' });
    const flood = await Promise.all(Array.from({ length: 5 }, () => harness.submit(0)));
    await gates[1]?.request;
    await delay(300);
    const statuses = (await harness.of(0).reader.outlines(flood)).map((job) => job?.status);
    expect(statuses.filter((status) => status === 'active')).toHaveLength(2);
    const modest = await harness.submit(1);
    await harness.of(1).reached(modest, 'active', 5_000);
    const told = await new ProcessReports(harness.of(1).redis, harness.of(1).keys).survey({ watches: true });
    expect(told.processes).toMatchObject([{ slots: 4 }]);
    expect(await harness.of(1).redis.hvals(harness.of(1).keys.workers)).toEqual([expect.stringMatching(/^2 /)]);
  });

  it('has its pipelines and its slots announced in both', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    await harness.worker();
    for (const { redis: connection, keys } of harness.shards) {
      await eventually(async () => (await connection.hkeys(keys.pipelines)).includes('chat'));
      await eventually(async () => (await connection.hlen(keys.workers)) === 1);
    }
  });
});
