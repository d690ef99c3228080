import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, type JobView, newRequestId, QUEUE_NAME } from '@millrace/contracts';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { Worker } from 'bullmq';
import { ApiHarness, refOf, submit, type TestNode } from '../testing/api-harness.ts';
import { Sweep } from './sweep/sweep.ts';

let redis: TestRedis;
let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  redis = await startRedis();
  harness = new ApiHarness(redis.url, { MILLRACE_SWEEP_MS: '600000' });
  node = await harness.node();
});
afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await redis?.stop();
});

const HOUR_MS = 3_600_000;
const entryOf = (id: string) => `${harness.keys.queuePrefix}:jobs:${refOf(id)}`;
const delayed = () => `${harness.keys.queuePrefix}:jobs:delayed`;
const isDelayed = async (id: string) => (await harness.redis.zscore(delayed(), refOf(id))) !== null;
const later = (delayMs: number, headers = {}) => submit(node, headers, { query: 'hi', delayMs });
const sweep = () => node.api.nest.get(Sweep).sweep();
const age = (id: string) => harness.redis.zincrby(harness.keys.openJobs, -60e6, refOf(id));

async function view(id: string): Promise<JobView> {
  return (await (await fetch(`${node.url}/jobs/${id}`)).json()) as JobView;
}

/** Gives a job's entry away, as a Redis would that lost its last writes. */
async function lose(id: string): Promise<void> {
  await harness.redis.del(entryOf(id));
  await harness.redis.zrem(delayed(), refOf(id));
}

describe('delayMs (PROTOCOL §2)', () => {
  it('leaves the job queued until its time has come, and then it runs', async () => {
    const delayMs = 400;
    const { queuePrefix: prefix } = harness.keys;
    const work = async ({ id = '' }: { id?: string | undefined }) => harness.answer(idOf(id as JobRef), ['a']);
    const connection = { url: redis.url, maxRetriesPerRequest: null };
    const worker = new Worker(QUEUE_NAME, work, { connection, prefix, removeOnComplete: { count: 0 } });
    try {
      const id = await later(delayMs);
      expect(await view(id)).toMatchObject({ status: 'queued', startedAt: null, queuePosition: 1 });
      await eventually(async () => (await view(id)).status === 'completed');
      const { createdAt, startedAt } = await view(id);
      expect(Date.parse(startedAt ?? '') - Date.parse(createdAt)).toBeGreaterThanOrEqual(delayMs);
    } finally {
      await worker.close();
    }
  });

  it('is cancelled at once', async () => {
    const id = await later(HOUR_MS);
    expect(await isDelayed(id)).toBe(true);
    expect((await fetch(`${node.url}/jobs/${id}`, { method: 'DELETE' })).status).toBe(200);
    expect(await isDelayed(id)).toBe(false);
    expect(await harness.redis.exists(entryOf(id))).toBe(0);
  });

  it('is kept by a sweep, by the same request again, and by a restart of Redis', async () => {
    const id = newRequestId();
    await later(HOUR_MS, { 'x-request-id': id });
    const due = await harness.redis.zscore(delayed(), refOf(id));
    await age(id);
    expect(await sweep()).toBe(0);
    await later(HOUR_MS, { 'x-request-id': id });
    await redis.restart();
    await eventually(() => harness.redis.ping());
    expect(await harness.redis.zscore(delayed(), refOf(id))).toBe(due);
    expect(await harness.redis.zcard(`${harness.keys.queuePrefix}:jobs:prioritized`)).toBe(0);
  });

  it.each<[string, (id: string) => Promise<unknown>]>([
    ['a sweep', (id) => age(id).then(sweep)],
    ['the same request again', (id) => later(HOUR_MS, { 'x-request-id': id })],
  ])('does not start sooner where %s queues a job that the queue has lost', async (_, queueAgain) => {
    const id = newRequestId();
    await later(HOUR_MS, { 'x-request-id': id });
    await lose(id);
    await queueAgain(id);
    expect(await isDelayed(id)).toBe(true);
    const { delay, timestamp } = (await harness.redis.hgetall(entryOf(id))) as { delay: string; timestamp: string };
    const due = Number(timestamp) + Number(delay);
    expect(due).toBeLessThanOrEqual(Date.parse((await view(id)).createdAt) + HOUR_MS + 1_000);
    expect(due).toBeGreaterThan(Date.now() + HOUR_MS / 2);
  });

  it('keeps record and log for longer than it waits', async () => {
    const delayMs = 7 * 24 * HOUR_MS;
    const id = await later(delayMs);
    for (const key of [harness.keys.record(refOf(id)), harness.keys.log(refOf(id))]) {
      expect(await harness.redis.pttl(key)).toBeGreaterThan(delayMs + HOUR_MS / 2);
    }
  });

  it('of 0 is none', async () => {
    const id = await later(0);
    expect(await isDelayed(id)).toBe(false);
  });
});
