import { afterEach, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, jobRef, shardNamedBy } from '@millrace/contracts';
import {
  type SseEvent,
  severReplication,
  startRedisCluster,
  startSentinel,
  type TestRedisCluster,
  type TestSentinel,
  type TestShard,
  untilPromoted,
} from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';
import { recovery } from './outage.ts';

const RECOVERY_MS = 5_000;
const JOBS = 30;

/** The master that has a key, and its replica. */
type ShardOf = (key: string) => Promise<TestShard>;

interface FailOver {
  readonly system: SystemHarness;
  readonly shardOf: ShardOf;
  /** the shard whose master dies */
  readonly shard: TestShard;
  /** whether the replica has everything; otherwise it lacks what the master acknowledged last */
  readonly inStep: boolean;
  /** whether a job is elsewhere, and never begun afresh */
  readonly isElsewhere?: (id: string) => boolean;
}

let stack: AsyncDisposableStack;
afterEach(() => stack.disposeAsync(), 60_000);

/** The system and its Redis, which both end with the test. */
async function systemOn(...shards: readonly (TestRedisCluster | TestSentinel)[]): Promise<SystemHarness> {
  stack = new AsyncDisposableStack();
  for (const shard of shards) stack.use(shard);
  const [url = '', ...others] = shards.map((shard) => shard.url);
  const env = others.length === 0 ? {} : { REDIS_URLS: [url, ...others].join(' ') };
  return stack.use(await SystemHarness.start({ redis: { url }, env }));
}

/** Kills a master while answers run, and checks the promise from the replica's promotion on. */
async function failOver({ system, shardOf, shard, inStep, isElsewhere }: FailOver): Promise<void> {
  const services = [...system.apis, ...system.workers];
  using load = await Load.start(system, { jobs: JOBS, watchersPerJob: 2, at: (index) => system.node(index) });
  if (!inStep) {
    await severReplication(shard.master, shard.replica);
    // now every reader has seen events that the replica will never have
    await load.flows();
    await load.flows();
  }
  const losers = inStep ? [] : await watchersOn(shard, load, shardOf);
  const killedAt = performance.now();
  await shard.master.kill();
  await untilPromoted(shard.replica);
  const promotedAt = performance.now();
  const { streamsMs, newJobMs } = await recovery(system, load);
  const resets = await Promise.all(losers.map(({ watcher }) => watcher.until(tellsOfLoss)));
  await load.finish();
  figures({
    promotionMs: promotedAt - killedAt,
    streamsMs,
    newJobMs,
    lost: losers.length,
    resetMs: Math.max(0, ...resets.map(({ at }) => at - promotedAt)),
    restarts: load.restarts,
  });

  expect(await load.offences()).toEqual([]);
  expect(load.watchers.filter(({ watcher }) => watcher.terminal?.event !== 'done')).toEqual([]);
  expect(Math.max(streamsMs, newJobMs, ...resets.map(({ at }) => at - promotedAt))).toBeLessThanOrEqual(RECOVERY_MS);
  const elsewhere = load.watchers.filter(({ id }) => isElsewhere?.(id));
  if (isElsewhere !== undefined) expect(elsewhere.length).toBeGreaterThan(0);
  expect(elsewhere.filter(({ watcher }) => watcher.events.some(({ event }) => event === 'reset'))).toEqual([]);
  // no restart was needed
  expect(services.filter(({ child }) => !child.running)).toEqual([]);
}

async function watchersOn(shard: TestShard, load: Load, shardOf: ShardOf): Promise<Load['watchers']> {
  const found: Load['watchers'] = [];
  for (const watcher of load.watchers) {
    if ((await shardOf(`{${jobRef('default', watcher.id)}}`)).master === shard.master) found.push(watcher);
  }
  return found;
}

/** A `reset` without an attempt, if a reader is ahead of the log, or that of the next attempt, which may come first. */
function tellsOfLoss({ event, data }: SseEvent): boolean {
  return event === 'reset' && data.reason === 'log-lost';
}

/** The shard that has the queue, or the first of the others. */
async function shardFor(system: SystemHarness, shardOf: ShardOf, hasQueue: boolean): Promise<TestShard> {
  const queue = await shardOf(`{${system.env['MILLRACE_KEY_PREFIX']}:queue}`);
  if (hasQueue) return queue;
  for (let key = 0; ; key += 1) {
    const shard = await shardOf(String(key));
    if (shard.master !== queue.master) return shard;
  }
}

const REPLICAS = [
  { replica: 'its replica promoted', inStep: true },
  { replica: 'a replica promoted that lacks acknowledged writes', inStep: false },
];
const MASTERS = [
  { holding: 'the queue', hasQueue: true },
  { holding: 'no queue', hasQueue: false },
];
const CASES = MASTERS.flatMap((master) => REPLICAS.map((replica) => ({ ...master, ...replica })));

describe('a master of a three-node cluster', () => {
  it.each(CASES)(
    'holding $holding killed with $replica: resume ≤ 5 s after promotion',
    async ({ hasQueue, inStep }) => {
      const cluster = await startRedisCluster({ replicasPerMaster: 1 });
      const system = await systemOn(cluster);
      const shard = await shardFor(system, cluster.shardOf, hasQueue);
      await failOver({ system, shardOf: cluster.shardOf, shard, inStep });
    },
  );
});

describe('Sentinel fail-over', () => {
  it.each(REPLICAS)('with $replica: resume ≤ 5 s after promotion', async ({ inStep }) => {
    const shard = await startSentinel();
    await failOver({ system: await systemOn(shard), shardOf: async () => shard, shard, inStep });
  });
});

describe('fail-over of one of two shards, a cluster and a master with a sentinel,', () => {
  const SHARDS = [
    { dying: 'a master of the former', number: 0 },
    { dying: 'the latter', number: 1 },
  ];
  const ROWS = SHARDS.flatMap((shard) => REPLICAS.map((replica) => ({ ...shard, ...replica })));

  it.each(ROWS)(
    '$dying with $replica: resume ≤ 5 s after promotion, and no answer of the other begins afresh',
    async ({ number, inStep }) => {
      const [cluster, watched] = [await startRedisCluster({ replicasPerMaster: 1 }), await startSentinel()];
      const system = await systemOn(cluster, watched);
      const shardOf: ShardOf = async (key) =>
        shardNamedBy(idOf(key.slice(1, -1) as JobRef)) === 0 ? cluster.shardOf(key) : watched;
      const shard = number === 0 ? await shardFor(system, cluster.shardOf, true) : watched;
      await failOver({ system, shardOf, shard, inStep, isElsewhere: (id) => shardNamedBy(id) !== number });
    },
  );
});
