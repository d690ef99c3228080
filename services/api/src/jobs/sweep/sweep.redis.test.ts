import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef } from '@millrace/contracts';
import { eventually, readSse, startRedis, type TestRedis } from '@millrace/testing';
import { Worker } from 'bullmq';
import { Deployment, refOf, say, submit } from '../../testing/api-harness.ts';
import { QUEUE_NAME } from '../queue/job-queue.ts';
import { Sweep } from './sweep.ts';

let redis: TestRedis;
let deployment: Deployment;

beforeAll(async () => {
  redis = await startRedis();
  deployment = new Deployment(redis.url, { MILLRACE_SWEEP_MS: '600000' });
});
afterAll(async () => {
  await deployment?.[Symbol.asyncDispose]();
  await redis?.stop();
});

/** Makes a job look as old as if it had been admitted a minute ago. */
async function age(id: string): Promise<void> {
  await deployment.redis.zincrby(deployment.keys.openJobs, -60e6, refOf(id));
}

/** Takes a job out of the index, as a Redis would that has the index and not the record, and lost its last writes. */
async function unlist(id: string): Promise<void> {
  await Promise.all(indexKeys().map((key) => deployment.redis.zrem(key, refOf(id))));
}

function indexKeys(): string[] {
  const { openJobs, queuedJobs, allJobs } = deployment.keys;
  return [openJobs, queuedJobs, allJobs, deployment.keys.openJobsOf('default'), deployment.keys.jobsOf('default')];
}

/** Takes a job out of the queue, as a Redis that lost its last writes would. */
async function lose(id: string): Promise<void> {
  await deployment.redis.del(entryOf(id));
  await deployment.redis.zrem(`${deployment.keys.queuePrefix}:jobs:prioritized`, refOf(id));
}

const entryOf = (id: string) => `${deployment.keys.queuePrefix}:jobs:${refOf(id)}`;

describe('the sweep (law 15)', () => {
  it('queues a recorded job whose queue entry is missing, and only that', async () => {
    const node = await deployment.node();
    const [lost, queued] = [await submit(node), await submit(node)];
    await lose(lost);
    await Promise.all([age(lost), age(queued)]);
    expect(await node.api.nest.get(Sweep).run()).toBe(1);
    expect(await deployment.redis.exists(entryOf(lost))).toBe(1);
    expect(await node.api.nest.get(Sweep).run()).toBe(0);
  });

  it('queues a running job again whose queue entry is lost, unless it goes on all the same', async () => {
    const node = await deployment.node();
    const id = await submit(node);
    const writer = await deployment.begin(id);
    await lose(id);
    await age(id);
    for (const word of ['a', 'b', 'c']) {
      expect(await node.api.nest.get(Sweep).run()).toBe(0);
      await say(writer, [word]);
    }
    expect(await node.api.nest.get(Sweep).run()).toBe(0);
    expect(await node.api.nest.get(Sweep).run()).toBe(1);
    expect(await deployment.redis.exists(entryOf(id))).toBe(1);
  });

  it('leaves a young job alone: it may be on its way', async () => {
    const node = await deployment.node();
    const id = await submit(node);
    await lose(id);
    expect(await node.api.nest.get(Sweep).run()).toBe(0);
  });

  it('forgets jobs that have ended, and admissions whose record was never made', async () => {
    const node = await deployment.node();
    const ended = await submit(node);
    await deployment.answer(ended, ['a']);
    const never = await submit(node);
    await deployment.redis.del(deployment.keys.record(refOf(never)));
    await Promise.all([age(ended), age(never)]);
    await node.api.nest.get(Sweep).run();
    const { openJobs, queuedJobs } = deployment.keys;
    for (const id of [ended, never]) {
      for (const key of [openJobs, queuedJobs, deployment.keys.openJobsOf('default')]) {
        expect(await deployment.redis.zscore(key, refOf(id))).toBeNull();
      }
    }
  });

  it('takes jobs out of the lists when their record is gone', async () => {
    const node = await deployment.node();
    const { allJobs, leavingJobs } = deployment.keys;
    const id = await submit(node);
    await deployment.answer(id, ['a']);
    await age(id);
    await node.api.nest.get(Sweep).run();
    const due = Number(await deployment.redis.zscore(leavingJobs, refOf(id)));
    expect(due).toBeGreaterThan(Date.now());
    expect(await deployment.redis.zscore(allJobs, refOf(id))).not.toBeNull();
    // as if it were a record's time later
    await deployment.redis.del(deployment.keys.record(refOf(id)));
    await deployment.redis.zadd(leavingJobs, 1, refOf(id));
    await node.api.nest.get(Sweep).run();
    for (const key of [allJobs, deployment.keys.jobsOf('default')]) {
      expect(await deployment.redis.zscore(key, refOf(id))).toBeNull();
    }
  });

  it('goes on with the next page where one cannot be swept', async () => {
    const node = await deployment.node();
    const { openJobs } = deployment.keys;
    const page = Array.from({ length: 200 }, (_, place) => refOf(`page-${place}-${crypto.randomUUID()}`));
    await deployment.redis.zadd(openJobs, ...page.flatMap((ref, place) => [place, ref]));
    const broken = page[0] ?? refOf('');
    await deployment.redis.set(deployment.keys.record(broken), 'no record at all');
    const lost = await submit(node);
    await lose(lost);
    await age(lost);
    expect(await node.api.nest.get(Sweep).run()).toBe(1);
    expect(await deployment.redis.exists(entryOf(lost))).toBe(1);
    await deployment.redis.del(deployment.keys.record(broken));
    await deployment.redis.zrem(openJobs, ...page);
  });

  it('drops queued hints of jobs that are not open', async () => {
    const node = await deployment.node();
    const open = await submit(node);
    await deployment.redis.zadd(deployment.keys.queuedJobs, 1, refOf('written-too-late'));
    await node.api.nest.get(Sweep).run();
    expect(await deployment.redis.zscore(deployment.keys.queuedJobs, refOf('written-too-late'))).toBeNull();
    expect(await deployment.redis.zscore(deployment.keys.queuedJobs, refOf(open))).not.toBeNull();
  });

  it('runs by itself', async () => {
    const node = await deployment.node();
    const id = await submit(node);
    await lose(id);
    await age(id);
    await deployment.node({ MILLRACE_SWEEP_MS: '100' });
    await eventually(async () => (await deployment.redis.exists(entryOf(id))) === 1);
  });
});

describe('a job of which index and queue have both lost all, and only the record is there (law 15)', () => {
  const isLost = async (id: string) => {
    const places = await Promise.all(indexKeys().map((key) => deployment.redis.zscore(key, refOf(id))));
    return places.every((place) => place === null) && (await deployment.redis.exists(entryOf(id))) === 0;
  };

  it('runs when somebody waits for it: who follows it, attaches to it later, looks at it, or sends it again', async () => {
    const node = await deployment.node({ MILLRACE_SWEEP_MS: '100' });
    const following = await readSse(`${node.url}/jobs`, { body: { query: 'followed' } });
    const followed = following.response.headers.get('x-request-id') ?? '';
    const [attached, looked, repeated, begun] = await Promise.all(Array.from({ length: 4 }, () => submit(node)));
    await deployment.begin(begun ?? '');
    const ids = [followed, attached, looked, repeated, begun].map((id) => id ?? '');
    await Promise.all(ids.flatMap((id) => [unlist(id), lose(id)]));
    expect(await Promise.all(ids.map(isLost))).toEqual(ids.map(() => true));

    const streams = [attached, begun].map((id) => readSse(`${node.url}/jobs/${id}/stream`));
    await fetch(`${node.url}/jobs/${looked}`);
    await submit(node, { 'x-request-id': repeated ?? '' });
    const { queuePrefix: prefix } = deployment.keys;
    const connection = { url: redis.url, maxRetriesPerRequest: null };
    const runs: string[] = [];
    const work = async ({ id = '' }: { id?: string | undefined }) => {
      runs.push(idOf(id as JobRef));
      await deployment.answer(idOf(id as JobRef), ['a']);
    };
    const worker = new Worker(QUEUE_NAME, work, { connection, prefix, removeOnComplete: { count: 0 } });
    try {
      for (const stream of [following, ...(await Promise.all(streams))]) {
        await stream.ended;
        expect(stream.terminal()?.event).toBe('done');
      }
      await eventually(() => ids.every((id) => runs.includes(id)));
      expect(ids.map((id) => runs.filter((run) => run === id).length)).toEqual(ids.map(() => 1));
    } finally {
      await worker.close();
    }
  });

  it('is counted and listed again where only the index has lost it', async () => {
    const node = await deployment.node({ MILLRACE_SWEEP_MS: '100' });
    const id = await submit(node);
    await unlist(id);
    await fetch(`${node.url}/jobs/${id}`);
    await eventually(async () => (await deployment.redis.zscore(deployment.keys.openJobs, refOf(id))) !== null);
    expect(node.log.filter(({ msg, requestId }) => requestId === id && msg === 'queued again')).toEqual([]);
    const { items } = (await (await fetch(`${node.url}/jobs`)).json()) as { items: { id: string }[] };
    expect(items.map((job) => job.id)).toContain(id);
  });
});
