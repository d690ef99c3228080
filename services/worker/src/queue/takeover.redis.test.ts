import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, logLimits, QUEUE_NAME } from '@millrace/contracts';
import { startModel } from '@millrace/simulated-model';
import { AttemptStarter, FairQueue } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { WorkerHarness } from '../testing/worker-harness.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => redis[Symbol.asyncDispose]());

const SHORT_LOCKS = { MILLRACE_WORKER_LOCK_MS: '1000', MILLRACE_WORKER_STALL_CHECK_MS: '500' };

/** Takes a job, says something, and dies without a word. */
async function dieWith(harness: WorkerHarness, id: JobRef): Promise<void> {
  const connection = new Redis(harness.redisUrl, { maxRetriesPerRequest: null });
  const starter = new AttemptStarter(connection, harness.keys, logLimits(harness.settings()));
  const taken = Promise.withResolvers<void>();
  const worker = new Worker(
    QUEUE_NAME,
    async (job) => {
      const begun = await starter.begin(job.id as JobRef, 'doomed');
      if (begun.kind !== 'begun') throw new Error(begun.kind);
      begun.writer.emit({ type: 'text', data: { text: 'half an ans' } });
      await begun.writer.flush();
      taken.resolve();
      await new Promise(() => undefined);
    },
    { connection, prefix: harness.keys.queuePrefix, lockDuration: 1_000, stalledInterval: 500 },
  );
  worker.on('error', () => undefined);
  await taken.promise;
  await worker.close(true);
  connection.disconnect();
  expect(await harness.text(id)).toBe('half an ans');
}

describe('a job whose worker died', () => {
  it('goes on as a new attempt, after a reset', async () => {
    await using model = await startModel();
    model.answer(['whole']);
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const id = await harness.submit();
    await dieWith(harness, id);
    await harness.worker(SHORT_LOCKS);
    expect((await harness.end(id))[0]).toBe('done');
    expect(await harness.text(id)).toBe('whole');
    expect(await harness.events(id)).toContainEqual(['reset', { attempt: 2, reason: 'worker-lost' }]);
  });

  it('ends with WORKER_LOST where it asked for that', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const id = await harness.submit({ onCrash: 'fail' });
    await dieWith(harness, id);
    await harness.worker(SHORT_LOCKS);
    expect(await harness.end(id)).toMatchObject(['error', { code: 'WORKER_LOST', retryable: true }]);
    expect(model.requests).toHaveLength(0);
    await eventually(async () => (await harness.queued()) === 0);
  });

  it('ends with WORKER_LOST when it has had its attempts', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const id = await harness.submit();
    await dieWith(harness, id);
    await harness.worker({ ...SHORT_LOCKS, MILLRACE_MAX_ATTEMPTS: '1' });
    expect(await harness.end(id)).toMatchObject(['error', { code: 'WORKER_LOST' }]);
  });
});

describe('a worker that ends', () => {
  it('hands its jobs over at once after the grace time, and they lose no text', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const first = model.gated();
    const ending = await harness.worker({ MILLRACE_WORKER_GRACE_MS: '50' });
    const id = await harness.submit();
    await harness.store(id, first, 'half');

    const second = model.gated();
    await harness.worker();
    await ending.close();
    const closedAt = performance.now();
    expect((await (await first.request).ended).by).toBe('client');
    expect((await second.request).at - closedAt).toBeLessThan(5_000);
    await second.say('whole');
    await second.finish();
    expect((await harness.end(id))[0]).toBe('done');
    expect(await harness.text(id)).toBe('whole');
    expect(await harness.events(id)).toContainEqual(['reset', { attempt: 2, reason: 'handover' }]);
    await eventually(async () => (await harness.queued()) === 0);
  });

  it('hands them over as the first in line, wherever they had stood', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const first = model.gated();
    const ending = await harness.worker({ MILLRACE_WORKER_GRACE_MS: '50', MILLRACE_WORKER_CONCURRENCY: '1' });
    const id = await harness.submit({}, 5_000);
    await first.say('half');
    const later = [await harness.submit(), await harness.submit()];
    await ending.close();

    const second = model.gated();
    await harness.worker({ MILLRACE_WORKER_CONCURRENCY: '1' });
    await second.request;
    expect(await harness.reader.outline(id)).toMatchObject({ status: 'active', attempt: 2 });
    for (const other of later)
      expect(await harness.reader.outline(other)).toMatchObject({ status: 'queued', attempt: 0 });
    await second.finish();
  });

  it('lets them end within the grace time, and takes nothing new', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated();
    const { healthUrl, close } = await harness.worker({ MILLRACE_WORKER_HEALTH_PORT: '0' });
    const id = await harness.submit();
    await gate.say('a');
    const closed = close();
    expect((await fetch(`${healthUrl}/readyz`)).status).toBe(503);
    const later = await harness.submit();
    await gate.say('b');
    await gate.finish();
    await closed;
    expect((await harness.end(id))[0]).toBe('done');
    expect(await harness.text(id)).toBe('ab');
    expect((await harness.reader.outline(later))?.status).toBe('queued');
    expect(model.requests).toHaveLength(1);
  });
});

describe('a worker that was taken for dead', () => {
  it('closes its model call and writes nothing more', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated();
    await harness.worker();
    const id = await harness.submit();
    await harness.store(id, gate, 'old');
    const starter = new AttemptStarter(harness.redis, harness.keys, logLimits(harness.settings()));
    expect(await starter.begin(id, 'another')).toMatchObject({ kind: 'begun', attempt: 2 });
    expect((await (await gate.request).ended).by).toBe('client');
    await eventually(() => harness.log.some(({ msg }) => msg === 'fenced'));
    expect((await harness.events(id)).slice(-2)).toMatchObject([
      ['reset', { attempt: 2 }],
      ['started', {}],
    ]);
  });

  it('leaves the job in the lists of the open ones when it hands over what is no longer its own', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const { keys } = harness;
    const gate = model.gated();
    const ending = await harness.worker({ MILLRACE_WORKER_GRACE_MS: '50' });
    const id = await harness.submit();
    const fairQueue = new FairQueue(harness.redis, keys, logLimits(harness.settings()));
    const noLimits = { maxQueued: 9, maxOpenPerTenant: 9, maxStoredBytesPerTenant: 1e9 };
    await fairQueue.admit({ ref: id, keptBytes: 0, requestBytes: 0 }, noLimits);
    await harness.store(id, gate, 'old');
    // another worker has begun, and this one has not heard of it
    await harness.redis.hset(keys.record(id), 'attempt', 2, 'leaseToken', 'another');
    await ending.close();
    expect(harness.log).toContainEqual(expect.objectContaining({ requestId: idOf(id), msg: 'fenced' }));
    expect(await harness.redis.zscore(keys.openJobs, id)).not.toBeNull();
    expect(await harness.reader.outline(id)).toMatchObject({ status: 'active', attempt: 2 });
  });

  it('keeps its hold on the job when it is the one that takes it over', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const [first, second] = [model.gated(), model.gated()];
    await harness.worker(SHORT_LOCKS);
    const id = await harness.submit();
    await harness.store(id, first, 'old');
    await harness.redis.del(`${harness.keys.queuePrefix}:${QUEUE_NAME}:${id}:lock`);
    expect((await (await first.request).ended).by).toBe('client');
    await second.say('new');
    // a lock that nobody renewed would be gone by then, and the job with it
    const lostAgain = eventually(async () => (await harness.reader.outline(id))?.attempt === 3, {
      timeoutMs: 3_000,
    });
    await expect(lostAgain).rejects.toThrow();
    await second.finish();
    expect((await harness.end(id))[0]).toBe('done');
    expect(await harness.text(id)).toBe('new');
    expect((await harness.reader.outline(id))?.attempt).toBe(2);
    await eventually(async () => (await harness.queued()) === 0);
  });
});

describe('a log of which Redis has lost a part', () => {
  it('is started afresh at once, after a reset', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const first = model.gated();
    const second = model.gated();
    await harness.worker();
    const id = await harness.submit();
    await harness.store(id, first, 'a');
    await harness.redis.hset(harness.keys.record(id), 'seq', 1); // as a fail-over to an older replica would
    await first.say('b');
    await second.say('whole');
    await second.finish();
    expect((await harness.end(id))[0]).toBe('done');
    expect(await harness.text(id)).toBe('whole');
    expect(await harness.events(id)).toContainEqual(['reset', { attempt: 2, reason: 'log-lost' }]);
  });

  it('is let go when nothing is left of it', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const gate = model.gated();
    await harness.worker();
    const id = await harness.submit();
    await gate.say('a');
    await harness.redis.del(harness.keys.record(id), harness.keys.log(id));
    expect((await (await gate.request).ended).by).toBe('client');
    await eventually(async () => (await harness.queued()) === 0);
    expect(await harness.reader.outline(id)).toBeNull();
  });
});
