import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EventId, jobRef, LOG_START, newRequestId } from '@millrace/contracts';
import { eventually, startRedisCluster, type TestRedisCluster } from '@millrace/testing';
import { CancelListener } from '../attempt/cancel-listener.ts';
import { ChannelHub } from '../channel/channel-hub.ts';
import { FairQueue } from '../registry/fair-queue.ts';
import { IdempotencyKeys } from '../registry/idempotency-keys.ts';
import { JobCatalogue } from '../registry/job-catalogue.ts';
import { LimitDirectory } from '../registry/limit-directory.ts';
import { TenantSlots } from '../registry/tenant-slots.ts';
import { DONE, LogHarness, Recorder, say } from '../testing/log-harness.ts';

let cluster: TestRedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.stop());

describe('on a cluster of three (law 13)', () => {
  it('streams jobs of all slots to two nodes: no gap, no repeat', async () => {
    await using d = LogHarness.cluster(cluster.ports);
    const nodes = [d.node(), d.node()] as const;
    const jobs = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const id = await d.job();
        return { id, recorders: await Promise.all(nodes.map((node) => Recorder.follow(node, id))) };
      }),
    );
    await Promise.all(
      jobs.map(async ({ id }) => {
        const writer = await d.begin(id);
        for (let i = 0; i < 20; i++) {
          say(writer, `${i} `);
          await writer.flush();
        }
        await writer.done(DONE);
      }),
    );
    for (const { id, recorders } of jobs) {
      const log = await d.log(id);
      for (const recorder of recorders) expect((await recorder.terminal()).events).toEqual(log);
    }
  });

  it('wakes who has subscribed to a job with each of its scripts, in the slot of the job', async () => {
    await using d = LogHarness.cluster(cluster.ports);
    const hub = new ChannelHub({ connection: d.connection(), sharded: true });
    for (let i = 0; i < 6; i++) {
      const id = jobRef('default', newRequestId());
      const heard: string[] = [];
      const message = (payload: string) => void heard.push(...payload.split('\n').slice(1));
      await hub.subscribe(d.keys.channel(id), { message, resubscribed: () => undefined });
      await d.job({}, id);
      say(await d.begin(id), 'a');
      await eventually(() => heard.length === 3);
      await d.canceller.cancel(id, 'owner');
      await eventually(() => heard.length === 4);
      expect(heard.map((line) => line.split(' ')[1])).toEqual(['accepted', 'started', 'text', 'cancelled']);
    }
    hub.close();
  });

  it('resumes from every event', async () => {
    await using d = LogHarness.cluster(cluster.ports);
    const node = d.node();
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'a');
    await writer.flush();
    say(writer, 'b');
    await writer.done(DONE);
    const log = await d.log(id);
    for (const [i, after] of [LOG_START, ...log.map((event) => event.id)].entries()) {
      const recorder = await Recorder.follow(node, id, after as EventId);
      if (i === log.length) expect(recorder.subscription?.alreadyEnded).toBe(true);
      else expect((await recorder.terminal()).events).toEqual(log.slice(i));
    }
  });

  it('tells a worker of a cancel, on any node that stores it', async () => {
    await using d = LogHarness.cluster(cluster.ports);
    const hub = new ChannelHub({ connection: d.connection(), sharded: false });
    const subscriber = new CancelListener(d.connection(), hub, d.keys);
    await subscriber.start();
    for (let i = 0; i < 6; i++) {
      const id = await d.job();
      const writer = await d.begin(id);
      using _watch = subscriber.listenFor(writer);
      const aborted = new Promise((resolve) => writer.signal.addEventListener('abort', resolve));
      await d.canceller.cancel(id, 'owner');
      await aborted;
      expect(writer.signal.reason).toMatchObject({ code: 'JOB_CLOSED' });
    }
    subscriber.close();
    hub.close();
  });

  it('keeps its registry and its idempotency keys', async () => {
    await using d = LogHarness.cluster(cluster.ports);
    const fairQueue = new FairQueue(d.redis, d.keys, d.limits);
    const catalogue = new JobCatalogue(d.redis, d.keys, d.reader);
    const slots = new TenantSlots(d.redis, d.keys, 1);
    const limits = { maxQueued: 10, maxOpenPerTenant: 10, maxStoredBytesPerTenant: 1_000 };
    for (const ref of ['t.a', 't.b'] as const) {
      const job = { ref, keptBytes: 100, requestBytes: 100 };
      expect(await fairQueue.admit(job, limits)).toMatchObject({ outcome: 'admitted' });
    }
    expect([await slots.pickUp('t.a'), await slots.pickUp('t.b')]).toEqual([
      { kind: 'granted' },
      { kind: 'full', maxSlots: 1 },
    ]);
    expect(await slots.park('t.b', 1)).toBe(false);
    const unparked = new Promise((resolve) => {
      fairQueue.onUnparked = resolve;
    });
    expect(await catalogue.openJobsOf('t')).toEqual({ open: 2, active: 0 });
    await fairQueue.retire({ ref: 't.a', keptBytes: 50 });
    expect(await unparked).toEqual(['t.b']);
    await new LimitDirectory(d.redis, d.keys).set('t', { activeJobs: 5 });
    expect(await slots.shareOf('t')).toBe(5);
    expect(await catalogue.storedBytesOf('t')).toBe(250);
    expect((await catalogue.list({ tenant: 't', limit: 5 })).refs).toEqual(['t.b', 't.a']);
    expect((await catalogue.open({ olderThanMs: 0, limit: 5 })).refs).toEqual(['t.b']);
    expect(await catalogue.holdersOf('b')).toEqual(['t.b']);
    const keys = new IdempotencyKeys(d.redis, d.keys, d.limits);
    expect(await keys.reserve('t', 'k', 'one')).toBe('one');
    expect(await keys.reserve('t', 'k', 'two')).toBe('one');
  });
});
