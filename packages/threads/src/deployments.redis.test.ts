import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  eventually,
  startRedisCluster,
  startSentinel,
  type TestRedisCluster,
  type TestSentinel,
} from '@millrace/testing';
import { RedisCheckpoints } from './checkpoints/redis-checkpoints.ts';
import { CheckpointHarness } from './testing/checkpoint-harness.ts';
import { ThreadHarness } from './testing/thread-harness.ts';

/** Everything that a thread can go through. */
async function live(d: ThreadHarness, checkpoints: RedisCheckpoints): Promise<void> {
  const ref = d.newRef();
  await d.threads.create(ref, { metadata: { k: 'v' } });
  expect(await d.enter(ref, 'a')).toBe('run');
  expect(await d.claim(ref, 'a', 1, ['hi'])).toBe('claimed');
  expect(await d.enter(ref, 'b')).toBe('wait');
  expect(await d.enter(ref, 'c', { onBusy: 'rollback' })).toBe('cancel-first a');
  await d.threads.expect(ref, 'later');
  expect(await d.leave(ref, 'a', 'cancelled', 'so')).toBe('undone, then c');
  expect(await d.claim(ref, 'c', 1, ['hello'])).toBe('claimed');
  const lease = { ref, jobId: 'c', attempt: 1, leaseToken: 'token-1' };
  expect(await d.threads.rewind(lease)).toBe(true);
  expect(await d.leave(ref, 'c', 'completed', 'good day')).toBe('left, then b');
  const interrupts = [{ interruptId: 'q', value: 1 }];
  await d.threads.leave({ ref, jobId: 'b', status: 'interrupted', interrupts });
  const fork = d.newRef();
  expect(await d.threads.fork({ from: ref, to: fork, checkpoints })).toBe('forked');
  expect(await d.enter(fork, 'd', { kind: 'resume' })).toBe('run');
  expect((await d.threads.messages(fork, { from: 0, limit: 9 })).length).toBe(2);
  expect(await d.threads.erase(ref)).toBe(false);
  await d.leave(ref, 'later', 'cancelled');
  expect(await d.threads.erase(ref)).toBe(true);
  expect(await d.threads.get(ref)).toBeNull();
}

describe('on a cluster of three (law 13)', () => {
  let cluster: TestRedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());

  it('threads of all slots live, each script in one of them, and wake who follows them there', async () => {
    await using d = ThreadHarness.cluster(cluster.ports);
    await using states = new CheckpointHarness(`redis://127.0.0.1:${cluster.ports[0]}`, {
      cluster: true,
      prefix: d.prefix,
    });
    const checkpoints = new RedisCheckpoints(states.table);
    await Promise.all(Array.from({ length: 20 }, () => live(d, checkpoints)));

    await using follower = ThreadHarness.cluster(cluster.ports);
    const ref = d.newRef();
    let heard = 0;
    follower.redis.on('smessage', () => {
      heard += 1;
    });
    await follower.redis.ssubscribe(d.keys.channel(ref));
    await d.enter(ref, 'a');
    await eventually(() => heard === 1);
    await d.leave(ref, 'a');
    await eventually(() => heard === 2);
  });
});

describe('with Sentinel', () => {
  let sentinel: TestSentinel;
  beforeAll(async () => {
    sentinel = await startSentinel();
  });
  afterAll(() => sentinel.stop());

  it('threads go on after a fail-over: what was sent again is done once', async () => {
    await using d = ThreadHarness.sentinel(sentinel.sentinelPort);
    await using states = new CheckpointHarness(sentinel.master.url, { prefix: d.prefix });
    await live(d, new RedisCheckpoints(states.table));
    const ref = d.newRef();
    for (const job of ['a', 'b', 'c']) await d.enter(ref, job);
    await d.claim(ref, 'a', 1, ['hi']);
    await d.redis.wait(1, 5_000);
    await sentinel.master.kill();
    // sent while nobody answers
    const leaving = d.leave(ref, 'a', 'completed', 'said');
    const entering = d.enter(ref, 'd');
    expect([await leaving, await entering]).toEqual(['left, then b', 'wait']);
    const messages = await d.threads.messages(ref, { from: 0, limit: 9 });
    expect(messages.map(({ content }) => content)).toEqual(['hi', 'said']);
    for (const job of ['b', 'c', 'd']) {
      expect(await d.claim(ref, job)).toBe('claimed');
      await d.leave(ref, job);
    }
    expect(await d.threads.get(ref)).toMatchObject({ status: 'idle', lastJob: 'd' });
  });
});
