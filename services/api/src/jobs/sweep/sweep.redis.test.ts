import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, jobRef, QUEUE_NAME, threadRef } from '@millrace/contracts';
import { eventually, readSse, startFaultProxy, startPostgres, startRedis, type TestRedis } from '@millrace/testing';
import { ThreadKeys } from '@millrace/threads';
import { Worker } from 'bullmq';
import { ApiHarness, refOf, say, submit } from '../../testing/api-harness.ts';
import { Sweep } from './sweep.ts';

let redis: TestRedis;
let harness: ApiHarness;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

// one for each test: a node that sweeps by itself would take up the jobs of the next one
beforeEach(() => {
  harness = new ApiHarness(redis.url, { MILLRACE_SWEEP_MS: '600000' });
});
afterEach(() => harness[Symbol.asyncDispose]());

/** Makes a job look as old as if it had been admitted a minute ago. */
async function age(id: string): Promise<void> {
  await harness.redis.zincrby(harness.keys.openJobs, -60e6, refOf(id));
}

/** Takes a job out of the registry, as a Redis would that has the registry and not the record, and lost its last writes. */
async function unlist(id: string): Promise<void> {
  await Promise.all(indexKeys().map((key) => harness.redis.zrem(key, refOf(id))));
}

function indexKeys(): string[] {
  const { openJobs, queuedJobs, allJobs } = harness.keys;
  return [openJobs, queuedJobs, allJobs, harness.keys.openJobsOf('default'), harness.keys.jobsOf('default')];
}

/** Takes a job out of the queue, as a Redis that lost its last writes would. */
async function lose(id: string): Promise<void> {
  await harness.redis.del(entryOf(id));
  await harness.redis.zrem(`${harness.keys.queuePrefix}:jobs:prioritized`, refOf(id));
}

const SWEEPING = { MILLRACE_SWEEP_MS: '200' };

/** Counts the sweeps of a node, of all jobs and of its own. */
function watchSweeps(sweep: Sweep): { all: number; own: number } {
  const counts = { all: 0, own: 0 };
  const [all, own] = [sweep.sweep.bind(sweep), sweep.sweepOwn.bind(sweep)];
  sweep.sweep = () => {
    counts.all += 1;
    return all();
  };
  sweep.sweepOwn = () => {
    counts.own += 1;
    return own();
  };
  return counts;
}

const entryOf = (id: string) => `${harness.keys.queuePrefix}:jobs:${refOf(id)}`;

describe('the sweep (law 15)', () => {
  it('queues a recorded job without a queue entry, and only that', async () => {
    const node = await harness.node();
    const [lost, queued] = [await submit(node), await submit(node)];
    await lose(lost);
    await Promise.all([age(lost), age(queued)]);
    expect(await node.api.nest.get(Sweep).sweep()).toBe(1);
    expect(await harness.redis.exists(entryOf(lost))).toBe(1);
    expect(await node.api.nest.get(Sweep).sweep()).toBe(0);
  });

  it('queues a running job without a queue entry, unless it still makes progress', async () => {
    const node = await harness.node();
    const id = await submit(node);
    const writer = await harness.begin(id);
    await lose(id);
    await age(id);
    for (const word of ['a', 'b', 'c']) {
      expect(await node.api.nest.get(Sweep).sweep()).toBe(0);
      await say(writer, [word]);
    }
    expect(await node.api.nest.get(Sweep).sweep()).toBe(0);
    expect(await node.api.nest.get(Sweep).sweep()).toBe(1);
    expect(await harness.redis.exists(entryOf(id))).toBe(1);
  });

  it('leaves a young job alone: it may be on its way to the queue', async () => {
    const node = await harness.node();
    const id = await submit(node);
    await lose(id);
    expect(await node.api.nest.get(Sweep).sweep()).toBe(0);
  });

  it('removes ended jobs, and admissions whose record was never made', async () => {
    const node = await harness.node();
    const ended = await submit(node);
    await harness.answer(ended, ['a']);
    const never = await submit(node);
    await harness.redis.del(harness.keys.record(refOf(never)));
    await Promise.all([age(ended), age(never)]);
    await node.api.nest.get(Sweep).sweep();
    const { openJobs, queuedJobs } = harness.keys;
    for (const id of [ended, never]) {
      for (const key of [openJobs, queuedJobs, harness.keys.openJobsOf('default')]) {
        expect(await harness.redis.zscore(key, refOf(id))).toBeNull();
      }
    }
  });

  it('removes jobs from the lists when their record is gone', async () => {
    const node = await harness.node();
    const { allJobs, expiringJobs } = harness.keys;
    const id = await submit(node);
    await harness.answer(id, ['a']);
    await age(id);
    await node.api.nest.get(Sweep).sweep();
    const due = Number(await harness.redis.zscore(expiringJobs, refOf(id)));
    expect(due).toBeGreaterThan(Date.now());
    expect(await harness.redis.zscore(allJobs, refOf(id))).not.toBeNull();
    // as if it were a record's time later
    await harness.redis.del(harness.keys.record(refOf(id)));
    await harness.redis.zadd(expiringJobs, 1, refOf(id));
    await node.api.nest.get(Sweep).sweep();
    for (const key of [allJobs, harness.keys.jobsOf('default')]) {
      expect(await harness.redis.zscore(key, refOf(id))).toBeNull();
    }
  });

  it('leaves nothing but its usage of a tenant that is no longer in the settings', async () => {
    const key = (tenant: string) => `${tenant}:user:the-secret-of-${tenant}`;
    const auth = { MILLRACE_AUTH: 'apikey', MILLRACE_SWEEP_MS: '600000' };
    await using harness = new ApiHarness(redis.url, { ...auth, MILLRACE_API_KEYS: key('stays-here') });
    const before = await harness.node({ MILLRACE_API_KEYS: `${key('stays-here')},${key('has-left')}` });
    const node = await harness.node();
    const { redis: connection, keys } = harness;
    const headers = { 'x-api-key': 'the-secret-of-has-left' };
    const [ended, unrecorded, queued] = await Promise.all([1, 2, 3].map(() => submit(before, headers)));
    const [endedRef, unrecordedRef, queuedRef] = [ended, unrecorded, queued].map((id) => jobRef('has-left', id ?? ''));
    // one ended and its node died before it told the registry; a worker had the slot of another whose record Redis lost
    await harness.answer(ended ?? '', ['a'], 'has-left');
    await connection.sadd(keys.runningJobsOf('has-left'), endedRef ?? '', unrecordedRef ?? '');
    await connection.del(keys.record(unrecordedRef as JobRef));
    await fetch(`${before.url}/jobs/${queued}`, { method: 'DELETE', headers });
    for (const ref of [endedRef, unrecordedRef]) await connection.zincrby(keys.openJobs, -60e6, ref ?? '');
    await node.api.nest.get(Sweep).sweep();
    expect(await connection.exists(keys.openJobsOf('has-left'), keys.runningJobsOf('has-left'))).toBe(0);
    // as if it were a record's time later
    for (const ref of [endedRef, queuedRef] as JobRef[]) {
      await connection.del(keys.record(ref));
      await connection.zadd(keys.expiringJobs, 1, ref);
    }
    await node.api.nest.get(Sweep).sweep();
    const left = await connection.keys(`*${harness.prefix}*tenant:has-left*`);
    expect(left.filter((each) => !each.startsWith(`${keys.usageOf('has-left')}:`))).toEqual([]);
    expect(await connection.zcard(keys.holders)).toBe(0);
  });

  it('continues with the next page when one fails', async () => {
    const node = await harness.node();
    const { openJobs } = harness.keys;
    const page = Array.from({ length: 200 }, (_, place) => refOf(`page-${place}-${crypto.randomUUID()}`));
    await harness.redis.zadd(openJobs, ...page.flatMap((ref, place) => [place, ref]));
    const broken = page[0] ?? refOf('');
    await harness.redis.set(harness.keys.record(broken), 'no record at all');
    const lost = await submit(node);
    await lose(lost);
    await age(lost);
    expect(await node.api.nest.get(Sweep).sweep()).toBe(1);
    expect(await harness.redis.exists(entryOf(lost))).toBe(1);
    await harness.redis.del(harness.keys.record(broken));
    await harness.redis.zrem(openJobs, ...page);
  });

  it('drops queued hints of jobs that are not open', async () => {
    const node = await harness.node();
    const open = await submit(node);
    await harness.redis.zadd(harness.keys.queuedJobs, 1, refOf('written-too-late'));
    await node.api.nest.get(Sweep).sweep();
    expect(await harness.redis.zscore(harness.keys.queuedJobs, refOf('written-too-late'))).toBeNull();
    expect(await harness.redis.zscore(harness.keys.queuedJobs, refOf(open))).not.toBeNull();
  });

  it('is one node’s at a time, and another one’s when that one is gone', async () => {
    // seldom enough that a busy machine is not taken for a node that died
    const settings = { MILLRACE_SWEEP_MS: '2000' };
    const [first, second] = [await harness.node(settings), await harness.node(settings)];
    const swept = [first, second].map((node) => watchSweeps(node.api.nest.get(Sweep)));
    await eventually(() => swept.some(({ all }) => all >= 3) && swept.every(({ all, own }) => all + own >= 3));
    const isFirst = (swept[0]?.all ?? 0) > 0;
    expect((isFirst ? swept[1] : swept[0])?.all).toBe(0);
    await (isFirst ? first : second).api.close();
    const id = await submit(isFirst ? second : first);
    await lose(id);
    await age(id);
    await eventually(async () => (await harness.redis.exists(entryOf(id))) === 1);
  });

  it('is another node’s turn when a page fails', async () => {
    const node = await harness.node({ MILLRACE_SWEEP_MS: '4000' });
    const swept = watchSweeps(node.api.nest.get(Sweep));
    const broken = refOf(`broken-${crypto.randomUUID()}`);
    await harness.redis.zadd(harness.keys.openJobs, 1, broken);
    await harness.redis.set(harness.keys.record(broken), 'no record at all');
    await eventually(() => swept.all > 0);
    const isGivenBack = async () => (await harness.redis.exists(harness.keys.sweeper('1-1'))) === 0;
    await eventually(isGivenBack, { timeoutMs: 2_500 }); // before the next sweep
    await harness.redis.del(harness.keys.record(broken));
    await harness.redis.zrem(harness.keys.openJobs, broken);
  });

  it('takes over from a node that died without giving its turn back', async () => {
    const node = await harness.node(SWEEPING);
    await harness.redis.set(harness.keys.sweeper('1-1'), 'a-node-that-died', 'PX', 1_000);
    const id = await submit(node);
    await lose(id);
    await age(id);
    await eventually(async () => (await harness.redis.exists(entryOf(id))) === 1);
  });

  it('of a node without the turn finds what its callers follow and no list has', async () => {
    await harness.redis.set(harness.keys.sweeper('1-1'), 'another-node', 'PX', 600_000);
    const node = await harness.node(SWEEPING);
    const id = await submit(node);
    await using stream = await readSse(`${node.url}/jobs/${id}/stream`);
    await stream.take(1);
    await Promise.all([unlist(id), lose(id)]);
    await eventually(async () => (await harness.redis.exists(entryOf(id))) === 1, { timeoutMs: 20_000 });
  });

  it('runs periodically', async () => {
    const node = await harness.node();
    const id = await submit(node);
    await lose(id);
    await age(id);
    await harness.node({ MILLRACE_SWEEP_MS: '100' });
    await eventually(async () => (await harness.redis.exists(entryOf(id))) === 1);
  });
});

describe('a job that index and queue have lost, while its record remains (law 15)', () => {
  const isLost = async (id: string) => {
    const places = await Promise.all(indexKeys().map((key) => harness.redis.zscore(key, refOf(id))));
    return places.every((place) => place === null) && (await harness.redis.exists(entryOf(id))) === 0;
  };

  it('runs when a caller follows it, attaches to it later, gets it, or sends it again', async () => {
    const node = await harness.node({ MILLRACE_SWEEP_MS: '100' });
    const following = await readSse(`${node.url}/jobs`, { body: { query: 'followed' } });
    const followed = following.response.headers.get('x-request-id') ?? '';
    const [attached, looked, repeated, begun] = await Promise.all(Array.from({ length: 4 }, () => submit(node)));
    await harness.begin(begun ?? '');
    const ids = [followed, attached, looked, repeated, begun].map((id) => id ?? '');
    await Promise.all(ids.flatMap((id) => [unlist(id), lose(id)]));
    expect(await Promise.all(ids.map(isLost))).toEqual(ids.map(() => true));

    const streams = [attached, begun].map((id) => readSse(`${node.url}/jobs/${id}/stream`));
    await fetch(`${node.url}/jobs/${looked}`);
    await submit(node, { 'x-request-id': repeated ?? '' });
    const { queuePrefix: prefix } = harness.keys;
    const connection = { url: redis.url, maxRetriesPerRequest: null };
    const runs: string[] = [];
    const work = async ({ id = '' }: { id?: string | undefined }) => {
      runs.push(idOf(id as JobRef));
      await harness.answer(idOf(id as JobRef), ['a']);
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

  it('is counted and listed again where only the registry has lost it', async () => {
    const node = await harness.node({ MILLRACE_SWEEP_MS: '100' });
    const id = await submit(node);
    await unlist(id);
    await fetch(`${node.url}/jobs/${id}`);
    await eventually(async () => (await harness.redis.zscore(harness.keys.openJobs, refOf(id))) !== null, {
      timeoutMs: 10_000,
    });
    expect(node.log.filter(({ msg, requestId }) => requestId === id && msg === 'queued again')).toEqual([]);
    const { items } = (await (await fetch(`${node.url}/jobs`)).json()) as { items: { id: string }[] };
    expect(items.map((job) => job.id)).toContain(id);
  });
});

describe('the sweep beside what cannot be read', () => {
  it('goes on past a job whose thread cannot be read', async () => {
    const node = await harness.node();
    const stuck = await submit(node, {}, { query: 'Hi', threadId: 'broken' });
    const lost = await submit(node);
    await Promise.all([lose(stuck), lose(lost), age(stuck), age(lost)]);
    const keys = await harness.redis.keys(`*${harness.prefix}*broken*`);
    expect(keys).not.toEqual([]);
    for (const key of keys) await harness.redis.set(key, 'not what it was');
    await node.api.nest.get(Sweep).sweep();
    expect(await harness.redis.exists(entryOf(lost))).toBe(1);
    // the other is taken up as soon as it can be
    await harness.redis.del(...keys);
    expect(await node.api.nest.get(Sweep).sweep()).toBe(1);
    expect(await harness.redis.exists(entryOf(stuck))).toBe(1);
  });
});

describe('the sweep beside a PostgreSQL that hangs', () => {
  it('goes on, and removes what has expired of threads once the database answers', async () => {
    await using postgres = await startPostgres();
    const url = new URL(postgres.url);
    await using proxy = await startFaultProxy({ target: Number(url.port) });
    url.port = String(proxy.port);
    const settings = { MILLRACE_CHECKPOINTS: url.href, MILLRACE_SWEEP_MS: '600000' };
    await using own = new ApiHarness(redis.url, settings);
    const node = await own.node();
    const { seenThreads } = new ThreadKeys(own.prefix);
    const expired = threadRef('default', 'expired');
    const isListed = async () => (await own.redis.zscore(seenThreads, expired)) !== null;
    await own.redis.zadd(seenThreads, 1, expired);
    proxy.blackhole(true);
    const sweep = () => node.api.nest.get(Sweep).sweep();
    // the second one meets what the first has left to run
    for (let sweeps = 0; sweeps < 2; sweeps += 1) expect(await sweep()).toBe(0);
    expect(await isListed()).toBe(true);
    proxy.heal();
    const isRemoved = async () => {
      await sweep();
      return !(await isListed());
    };
    await eventually(isRemoved, { timeoutMs: 60_000 });
  });
});
