import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, threadRef } from '@millrace/contracts';
import { startModel } from '@millrace/simulated-model';
import { ProcessReports } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { ShardedHarness } from './testing/sharded-harness.ts';

let redis: readonly [TestRedis, TestRedis];
beforeEach(async () => {
  redis = await Promise.all([startRedis(), startRedis()]);
});
afterEach(async () => {
  await Promise.all(redis.map((server) => server.stop()));
});

interface Readiness {
  readonly shards: readonly { readonly consuming: boolean; readonly listening: boolean }[];
}

function harnessOf(model: { readonly baseUrl: string }): ShardedHarness {
  return new ShardedHarness([redis[0].url, redis[1].url], model.baseUrl);
}

/** How long a new job of a shard takes, milliseconds. */
async function timeOfJob(harness: ShardedHarness, shard: number): Promise<number> {
  const before = performance.now();
  expect(await harness.end(shard, await harness.submit(shard))).toBe('done');
  return performance.now() - before;
}

/** How long a worker takes to shut down, milliseconds. */
async function timeOfClose(worker: { close(): Promise<void> }): Promise<number> {
  const before = performance.now();
  await worker.close();
  return performance.now() - before;
}

it('a worker does not start with one Redis under two names', async () => {
  await using model = await startModel();
  const { url } = redis[0];
  await using harness = new ShardedHarness([url, url.replace('127.0.0.1', 'localhost')], model.baseUrl);
  await expect(harness.worker()).rejects.toThrow('URL 2 of REDIS_URLS is shard 0, not 1');
});

describe('a worker with two shards, one of which is lost,', () => {
  it.each([
    ['is killed', (server: TestRedis) => server.kill(), (server: TestRedis) => server.start()],
    ['hangs', (server: TestRedis) => server.pause(), (server: TestRedis) => server.resume()],
  ])(
    'goes on with the jobs of one while the other %s, and with those when it is back',
    async (_, lose, bringBack) => {
      for (const lost of [1, 0]) {
        const living = 1 - lost;
        await using model = await startModel();
        await using harness = harnessOf(model);
        const { healthUrl } = await harness.worker({ MILLRACE_WORKER_HEALTH_PORT: '0', MILLRACE_WORKER_GRACE_MS: '0' });
        const [ofLiving, ofLost] = [model.gated(), model.gated()];
        const going = await harness.submit(living);
        await harness.of(living).store(going, ofLiving, 'a');
        const cut = await harness.submit(lost);
        await harness.of(lost).store(cut, ofLost, 'b');
        const waiting = await harness.submit(lost, { queued: false });
        await lose(redis[lost] as TestRedis);
        await ofLost.say('c');
        await ofLiving.say('d');
        await ofLiving.finish();
        expect(await harness.end(living, going, 5_000)).toBe('done');
        for (let nth = 0; nth < 10; nth += 1) expect(await timeOfJob(harness, living)).toBeLessThan(10_000);
        const readiness = async () => (await fetch(`${healthUrl}/readyz`)).json() as Promise<Readiness>;
        const isConsuming = async (shard: number) => (await readiness()).shards[shard]?.consuming;
        await eventually(async () => !(await isConsuming(lost)), { timeoutMs: 15_000 });
        expect(await readiness()).toMatchObject({ consuming: true, listening: true, announced: true });
        expect((await readiness()).shards[living]).toEqual({ consuming: true, listening: true });
        await bringBack(redis[lost] as TestRedis);
        await harness.of(lost).enqueue(waiting);
        await ofLost.finish();
        expect(await harness.end(lost, cut, 20_000)).toBe('done');
        expect(await harness.of(lost).text(cut)).toBe('bc');
        expect(await harness.end(lost, waiting, 20_000)).toBe('done');
        await eventually(() => isConsuming(lost), { timeoutMs: 15_000 });
      }
    },
    240_000,
  );

  it('starts while one is away, and serves it when it comes', async () => {
    for (const lost of [1, 0]) {
      await using model = await startModel();
      await (redis[lost] as TestRedis).kill();
      await using harness = harnessOf(model);
      const before = performance.now();
      await harness.worker();
      expect(performance.now() - before).toBeLessThan(10_000);
      expect(await timeOfJob(harness, 1 - lost)).toBeLessThan(10_000);
      await (redis[lost] as TestRedis).start();
      expect(await harness.end(lost, await harness.submit(lost), 20_000)).toBe('done');
    }
  });

  it.each([
    ['is known', ' '],
    ['has to be looked for', ' | '],
  ])(
    'keeps no slot for a job whose thread is in a lost shard, and runs it when that is back: its place %s',
    async (_, between) => {
      await using model = await startModel();
      await using harness = harnessOf(model);
      const { threads } = harness.of(1);
      await harness.worker({ REDIS_URLS: harness.redisUrls.join(between), MILLRACE_WORKER_CONCURRENCY: '2' });
      const thread = { threadId: harness.threadIn(1), threadIn: 1 };
      const jobs: JobRef[] = [];
      // delayed, so that they enter their thread only when they are picked up
      for (let nth = 0; nth < 3; nth += 1) jobs.push(await harness.submit(0, { ...thread, delayMs: 1, queued: false }));
      for (const ref of jobs) await threads.expect(threadRef('default', thread.threadId), idOf(ref));
      await redis[1].kill();
      await delay(500);
      for (const ref of jobs) await harness.of(0).enqueue(ref);
      for (let nth = 0; nth < 5; nth += 1) expect(await timeOfJob(harness, 0)).toBeLessThan(10_000);
      expect((await harness.of(0).reader.outlines(jobs)).map((job) => job?.attempt)).toEqual([0, 0, 0]);
      await redis[1].start();
      for (const ref of jobs) expect(await harness.end(0, ref, 30_000)).toBe('done');
    },
    240_000,
  );

  it('lets go of a job whose thread was lost while it ran', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    await harness.worker({ MILLRACE_WORKER_CONCURRENCY: '2' });
    const gate = model.gated();
    const ref = await harness.submit(0, { threadId: harness.threadIn(1), threadIn: 1 });
    await harness.of(0).store(ref, gate, 'a');
    await redis[1].kill();
    await delay(500);
    await gate.finish();
    expect(await harness.end(0, ref, 5_000)).toBe('done');
    expect(await timeOfJob(harness, 0)).toBeLessThan(10_000);
    expect(harness.log.map(({ msg }) => msg)).toContain('thread not left');
  });

  it.each([
    ['killed', (server: TestRedis) => server.kill()],
    ['frozen', (server: TestRedis) => server.pause()],
  ])(
    'shuts down within its grace while one is %s, and hands over the jobs of the other',
    async (_, lose) => {
      await using model = await startModel();
      await using harness = harnessOf(model);
      const worker = await harness.worker({
        MILLRACE_WORKER_GRACE_MS: '1000',
        MILLRACE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
      });
      const [ofLiving, ofLost] = [model.gated(), model.gated()];
      const handedOver = await harness.submit(0);
      await harness.of(0).store(handedOver, ofLiving, 'a');
      const stuck = await harness.submit(1);
      await harness.of(1).store(stuck, ofLost, 'b');
      await lose(redis[1]);
      await ofLost.say('c');
      await delay(6_000);
      expect(await timeOfClose(worker)).toBeLessThan(10_000);
      expect(await harness.of(0).reader.outline(handedOver)).toMatchObject({ status: 'queued' });
      expect(await harness.of(0).queuedEntry(handedOver)).toBe(true);
      await redis[1].resume().catch(() => undefined);
    },
    240_000,
  );

  it('shuts down at once if the one that is away has nothing to run, also when it has never been there', async () => {
    await using model = await startModel();
    await redis[1].kill();
    await using harness = harnessOf(model);
    const worker = await harness.worker();
    expect(await timeOfClose(worker)).toBeLessThan(10_000);
  });

  it('takes no jobs of any as long as one says so', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    const [home, other] = harness.shards.map((shard) => new ProcessReports(shard.redis, shard.keys)) as [
      ProcessReports,
      ProcessReports,
    ];
    await harness.worker();
    const look = async (reports: ProcessReports) => (await reports.survey({ watches: true })).processes[0];
    await eventually(async () => (await look(home)) !== undefined && (await look(other)) !== undefined);
    const id = (await look(home))?.id ?? '';
    expect((await look(other))?.id).toBe(id);
    await other.order(id, 'drain');
    await eventually(async () => (await look(home))?.state === 'drained', { timeoutMs: 20_000 });
    const ref = await harness.submit(0);
    await delay(500);
    expect(await harness.of(0).reader.outline(ref)).toMatchObject({ status: 'queued' });
    // the shard that said so is lost: what it said may have been taken back
    await redis[1].kill();
    expect(await harness.end(0, ref, 20_000)).toBe('done');
  });

  it('waits for no data key of a lost home, spends no attempt on it, and goes on with tenants whose keys it has', async () => {
    await using model = await startModel();
    await using harness = harnessOf(model);
    const other = harness.of(1);
    const MILLRACE_ENCRYPTION_KEYS = `m1:${randomBytes(32).toString('base64')}`;
    await harness.worker({ MILLRACE_ENCRYPTION_KEYS, MILLRACE_WORKER_CONCURRENCY: '2' });
    await other.reached(await harness.submit(1, { tenant: 'known' }), 'completed');
    await redis[0].kill();
    await delay(500);
    const strange = await harness.submit(1, { tenant: 'strange' });
    for (let nth = 0; nth < 5; nth += 1) {
      await other.reached(await harness.submit(1, { tenant: 'known' }), 'completed', 3_000);
    }
    expect(await other.reader.outline(strange)).toMatchObject({ status: 'queued', attempt: 0 });
    await redis[0].start();
    expect(await other.reached(strange, 'completed')).toMatchObject({ attempt: 1 });
  });
});
