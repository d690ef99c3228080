import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId, type ThreadRef } from '@millrace/contracts';
import { ChannelHub, type RedisConnection } from '@millrace/stream-log';
import { eventually, startRedis, startRedisCluster, type TestRedis, type TestRedisCluster } from '@millrace/testing';
import { Cluster, Redis } from 'ioredis';
import { ThreadHarness } from '../testing/thread-harness.ts';
import type { ThreadTopic, ThreadWatcher } from './thread-topic.ts';
import { ThreadTopics } from './thread-topics.ts';
import { ThreadTurns } from './thread-turns.ts';

let server: TestRedis;
let cluster: TestRedisCluster;
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
});
afterAll(() => Promise.all([server.stop(), cluster.stop()]));

/** A watcher that collects the jobs of its thread, turn by turn. */
class Watcher implements ThreadWatcher {
  readonly jobs: string[] = [];
  readonly stalled = false;
  waitsFor: ThreadWatcher['waitsFor'] = null;
  ended = false;
  #turn = 0;
  #topic: ThreadTopic | null = null;
  #reading: Promise<void> = Promise.resolve();

  async follow(topics: ThreadTopics, ref: ThreadRef): Promise<() => void> {
    const { topic, leave } = await topics.follow(ref, this);
    this.#topic = topic;
    this.wake();
    return leave;
  }

  wake(): void {
    this.waitsFor = null;
    this.#reading = this.#reading
      .then(() => this.#read())
      .catch(() => {
        // the test has ended, and closed the connection
      });
  }

  end(): void {
    this.ended = true;
  }

  async #read(): Promise<void> {
    for (;;) {
      const answer = await this.#topic?.next(this.#turn);
      if (answer === undefined || answer.next === null) {
        this.waitsFor = { createdAt: answer?.createdAt ?? '', after: this.#turn };
        return;
      }
      this.#turn = answer.next.turn;
      this.jobs.push(answer.next.jobId);
    }
  }
}

/** Followers of the harness's threads, as an API node has them. */
async function follow<T>(
  harness: ThreadHarness,
  subscriber: RedisConnection,
  work: (topics: ThreadTopics) => Promise<T>,
): Promise<T> {
  const hub = new ChannelHub({ connection: subscriber, sharded: harness.redis.isCluster });
  const topics = new ThreadTopics(new ThreadTurns(harness.redis, harness.keys), hub);
  try {
    return await work(topics);
  } finally {
    topics.close();
    hub.close();
    subscriber.disconnect();
  }
}

const single = () => new Redis(server.url, { autoResubscribe: false });

describe('the followers of threads', () => {
  it.each([
    ['one server', () => ThreadHarness.single(server.url), single],
    [
      'a cluster',
      () => ThreadHarness.cluster(cluster.ports),
      () =>
        new Cluster(
          cluster.ports.map((port) => ({ host: '127.0.0.1', port })),
          { shardedSubscribers: true },
        ),
    ],
  ])('are woken by enter and leave, and see all jobs in the order of their turns: %s', async (_, start, connect) => {
    await using harness = start();
    await follow(harness, connect(), async (topics) => {
      const threads = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const ref = harness.newRef();
          await harness.threads.create(ref);
          const watchers = [new Watcher(), new Watcher()];
          const leaves = await Promise.all(watchers.map((watcher) => watcher.follow(topics, ref)));
          return { ref, watchers, leaves };
        }),
      );
      for (const { ref, watchers } of threads) {
        const [first, dropped, third] = [newRequestId(), newRequestId(), newRequestId()];
        for (const job of [first, dropped, third]) await harness.enter(ref, job);
        await eventually(() => watchers.every(({ jobs }) => jobs.length === 1));
        await harness.leave(ref, dropped, 'cancelled');
        await harness.leave(ref, first);
        for (const { jobs } of watchers) await eventually(() => jobs.length === 3);
        for (const { jobs } of watchers) expect(jobs).toEqual([first, dropped, third]);
      }
      expect(topics.counts).toEqual({ watchers: 12, topics: 6 });
      for (const { leaves } of threads) for (const leave of leaves) leave();
      expect(topics.counts).toEqual({ watchers: 0, topics: 0 });
    });
  });

  it('find what no message told them, in one batch for all threads', async () => {
    await using harness = ThreadHarness.single(server.url);
    await follow(harness, single(), async (topics) => {
      const refs = Array.from({ length: 50 }, () => harness.newRef());
      for (const ref of refs) await harness.threads.create(ref);
      const watchers = await Promise.all(
        refs.map(async (ref) => {
          const watcher = new Watcher();
          await watcher.follow(topics, ref);
          await eventually(() => watcher.waitsFor !== null);
          return watcher;
        }),
      );
      // the script without its message, as a subscriber sees it that has lost that
      const jobs = refs.map(() => newRequestId());
      const multi = harness.redis.pipeline();
      for (const [i, ref] of refs.entries()) {
        multi.hset(harness.keys.record(ref), { turn: 1, active: jobs[i] ?? '' });
        multi.zadd(harness.keys.jobs(ref), 1, jobs[i] ?? '');
      }
      await multi.exec();
      await eventually(() => watchers.every((watcher) => watcher.jobs.length === 1));
      expect(watchers.map((watcher) => watcher.jobs)).toEqual(jobs.map((job) => [job]));
    });
  });

  it('are woken when the subscriber connection is back', async () => {
    await using harness = ThreadHarness.single(server.url);
    const subscriber = single();
    await follow(harness, subscriber, async (topics) => {
      const ref = harness.newRef();
      await harness.threads.create(ref);
      const watcher = new Watcher();
      await watcher.follow(topics, ref);
      await eventually(() => watcher.waitsFor !== null);
      subscriber.disconnect(true);
      const job = newRequestId();
      await harness.enter(ref, job);
      await eventually(() => watcher.jobs.length === 1);
      expect(watcher.jobs).toEqual([job]);
    });
  });

  it('are refused while no subscription can be confirmed, and leave nothing behind', async () => {
    await using harness = ThreadHarness.single(server.url);
    const subscriber = new Redis(server.url, { lazyConnect: true, enableOfflineQueue: false, autoResubscribe: false });
    await follow(harness, subscriber, async (topics) => {
      await expect(new Watcher().follow(topics, harness.newRef())).rejects.toThrow();
      expect(topics.counts).toEqual({ watchers: 0, topics: 0 });
    });
  });

  it('end when the node closes', async () => {
    await using harness = ThreadHarness.single(server.url);
    const watcher = new Watcher();
    await follow(harness, single(), (topics) => watcher.follow(topics, harness.newRef()));
    expect(watcher.ended).toBe(true);
  });
});
