import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startRedis, startRedisCluster, type TestRedis, type TestRedisCluster } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { LimitDirectory } from './limit-directory.ts';

let server: TestRedis;
let cluster: TestRedisCluster;
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
});
afterAll(() => Promise.all([server.stop(), cluster.stop()]));

/** Two processes that follow the limits of one deployment. */
async function twoOf(d: LogHarness) {
  const directories = [new LimitDirectory(d.redis, d.keys), new LimitDirectory(d.connection(), d.keys)] as const;
  await Promise.all(directories.map((directory) => directory.open()));
  return { directories, [Symbol.dispose]: () => directories.forEach((directory) => void directory.close()) };
}

describe.each([
  ['a server', () => LogHarness.single(server.url)],
  ['a cluster', () => LogHarness.cluster(cluster.ports)],
])('limits that are set at run time, on %s', (_, start) => {
  it('hold in the process that sets them at once, and in others without a restart', async () => {
    await using d = start();
    using two = await twoOf(d);
    const [one, other] = two.directories;
    await one.set('acme', { streams: 3, activeJobs: null });
    expect(one.overridesOf('acme')).toEqual({ streams: 3, activeJobs: null });
    await eventually(() => other.overridesOf('acme').streams === 3);
    expect(other.overridesOf('acme')).toEqual({ streams: 3, activeJobs: null });
    expect(other.overridesOf('other')).toEqual({});
  });

  it('are told of in every process, each change once, and nothing that was there before', async () => {
    await using d = start();
    await new LimitDirectory(d.redis, d.keys).set('early', { streams: 1 });
    using two = await twoOf(d);
    const [one, other] = two.directories;
    const told: string[][] = [[], []];
    for (const [nth, directory] of two.directories.entries()) {
      directory.onChanged = (tenant) => told[nth]?.push(`${tenant} ${directory.overridesOf(tenant).streams}`);
    }
    await one.set('acme', { streams: 3 });
    await eventually(() => told[1]?.length === 1);
    await other.set('acme', {});
    await eventually(() => told[0]?.length === 2);
    expect(told).toEqual([
      ['acme 3', 'acme undefined'],
      ['acme 3', 'acme undefined'],
    ]);
  });

  it('are replaced as a whole, and removed by nothing', async () => {
    await using d = start();
    using two = await twoOf(d);
    const [one, other] = two.directories;
    await one.set('acme', { streams: 3 });
    await other.set('acme', { queuedJobs: 7 });
    expect(other.overridesOf('acme')).toEqual({ queuedJobs: 7 });
    await one.set('acme', {});
    await eventually(() => other.overridesOf('acme').queuedJobs === undefined);
    expect(await d.redis.exists(d.keys.limits)).toBe(0);
  });

  it('are read when a process starts, and are gone when Redis has lost them', async () => {
    await using d = start();
    using two = await twoOf(d);
    const [one, other] = two.directories;
    await one.set('acme', { streams: 3 });
    const late = new LimitDirectory(d.redis, d.keys);
    await late.open();
    expect(late.overridesOf('acme')).toEqual({ streams: 3 });
    late.close();
    await d.redis.del(d.keys.limits, d.keys.limitsVersion);
    await other.set('acme', { streams: 9 });
    await eventually(() => one.overridesOf('acme').streams === 9);
    await d.redis.del(d.keys.limits, d.keys.limitsVersion);
    await eventually(() => one.overridesOf('acme').streams === undefined);
  });
});

describe('limits that another version has stored', () => {
  it('are read as far as they are known; an entry that cannot be read stays as it was, and stops no other', async () => {
    await using d = LogHarness.single(server.url);
    const unreadable: string[] = [];
    const directory = new LimitDirectory(d.redis, d.keys, (tenant) => unreadable.push(tenant));
    const store = (entries: Record<string, string>) =>
      d.redis.multi().hset(d.keys.limits, entries).set(d.keys.limitsVersion, crypto.randomUUID()).exec();
    await directory.open();
    await directory.set('acme', { streams: 3 });
    await store({
      acme: '{"streams":{"perNode":5}}',
      broken: '{',
      newer: '{"streams":7,"imagesPerDay":9}',
      other: '{"queuedJobs":2}',
    });
    await eventually(() => directory.overridesOf('other').queuedJobs === 2);
    expect(directory.overridesOf('acme')).toEqual({ streams: 3 });
    expect(directory.overridesOf('newer')).toEqual({ streams: 7 });
    expect(directory.overridesOf('broken')).toEqual({});
    expect(unreadable).toEqual(['acme', 'broken']);
    await store({ acme: '{"streams":6}' });
    await eventually(() => directory.overridesOf('acme').streams === 6);
    directory.close();
  });
});

describe('while Redis is away', () => {
  it('the last known limits stand, and changes are seen again afterwards', async () => {
    const own = await startRedis();
    await using d = LogHarness.single(own.url);
    const directory = new LimitDirectory(d.redis, d.keys);
    await directory.open();
    await directory.set('acme', { streams: 3 });
    await own.kill();
    expect(directory.overridesOf('acme')).toEqual({ streams: 3 });
    await own.start();
    const other = new LimitDirectory(d.connection(), d.keys);
    await other.set('acme', { streams: 4 });
    await eventually(() => directory.overridesOf('acme').streams === 4);
    directory.close();
    await own.stop();
  });
});
