import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, type JobView, jobRef, QUEUE_NAME, tenantOf } from '@millrace/contracts';
import { FairQueue } from '@millrace/stream-log';
import { startRedis, type TestRedis } from '@millrace/testing';
import { Worker } from 'bullmq';
import { ApiHarness, submit, type TestNode } from '../../testing/api-harness.ts';
import { Sweep } from '../sweep/sweep.ts';

const TENANTS = ['alice', 'bob', 'carol'];
const ENV = {
  MILLRACE_AUTH: 'apikey',
  MILLRACE_API_KEYS: TENANTS.map((tenant) => `${tenant}:user:the-secret-of-${tenant}`).join(),
  MILLRACE_SWEEP_MS: '600000',
};
const as = (tenant: string) => ({ authorization: `Bearer the-secret-of-${tenant}` });

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** An API node, and a worker's hand that takes one entry at a time from the real queue. */
class Shop implements AsyncDisposable {
  private constructor(
    readonly harness: ApiHarness,
    readonly node: TestNode,
    readonly worker: Worker,
    readonly fairQueue: FairQueue,
  ) {}

  static async open(): Promise<Shop> {
    const harness = new ApiHarness(redis.url, ENV);
    const node = await harness.node();
    const { keys } = harness;
    const connection = { url: redis.url, maxRetriesPerRequest: null };
    const worker = new Worker(QUEUE_NAME, null, { connection, prefix: keys.queuePrefix, autorun: false });
    const limits = { unfinishedRetentionMs: 60_000, recordRetentionMs: 60_000, logRetentionMs: 60_000 };
    return new Shop(harness, node, worker, new FairQueue(harness.redis, keys, limits));
  }

  async submit(tenant: string, count = 1): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) {
      const batch = Math.min(50, count - ids.length);
      ids.push(...(await Promise.all(Array.from({ length: batch }, () => submit(this.node, as(tenant))))));
    }
    return ids;
  }

  /** @returns whose job was next, and its id */
  async take(): Promise<{ id: string; tenant: string } | null> {
    const ref = (await this.worker.getNextJob('token', { block: false }))?.id as JobRef | undefined;
    if (ref === undefined) return null;
    await this.fairQueue.markStarted(ref);
    return { id: idOf(ref), tenant: tenantOf(ref) };
  }

  async position(id: string, tenant: string): Promise<number | undefined> {
    const answer = await fetch(`${this.node.url}/jobs/${id}`, { headers: as(tenant) });
    return ((await answer.json()) as JobView).queuePosition;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.close(true);
    await this.harness[Symbol.asyncDispose]();
  }
}

describe('the queue across tenants', () => {
  it('starts a newcomer within two pick-ups although another tenant is 1,000 jobs ahead', async () => {
    await using shop = await Shop.open();
    await shop.submit('alice', 1_000);
    for (let i = 0; i < 10; i++) await shop.take();
    const [id = ''] = await shop.submit('bob');
    expect(await shop.position(id, 'bob')).toBeLessThanOrEqual(2);
    const next = [await shop.take(), await shop.take()];
    expect(next.map((job) => job?.id)).toContain(id);
  });

  it('is served round robin, whatever its lengths', async () => {
    await using shop = await Shop.open();
    await shop.submit('alice', 6);
    await shop.submit('bob', 3);
    await shop.submit('carol', 1);
    const order: string[] = [];
    for (let job = await shop.take(); job !== null; job = await shop.take()) order.push(job.tenant);
    expect(order).toEqual(['alice', 'bob', 'carol', 'alice', 'bob', 'alice', 'bob', 'alice', 'alice', 'alice']);
  });

  it('gives a lost job its place back, by a sweep or by the same POST', async () => {
    await using shop = await Shop.open();
    const { harness, node } = shop;
    const [first = '', , third = ''] = await shop.submit('alice', 3);
    const prioritized = `${harness.keys.queuePrefix}:jobs:prioritized`;
    const places = await harness.redis.zrange(prioritized, '0', '-1');
    expect(places).toHaveLength(3);
    const lost = [first, third].map((id) => jobRef('alice', id));
    for (const ref of lost) {
      await harness.redis.multi().del(`${harness.keys.queuePrefix}:jobs:${ref}`).zrem(prioritized, ref).exec();
    }
    await harness.redis.zincrby(harness.keys.openJobs, -60e6, jobRef('alice', first));
    expect(await node.api.nest.get(Sweep).sweep()).toBe(1);
    await submit(node, { ...as('alice'), 'x-request-id': third });
    expect(await harness.redis.zrange(prioritized, '0', '-1')).toEqual(places);
  });
});
