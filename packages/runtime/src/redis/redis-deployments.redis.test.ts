import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { eventually, startRedisCluster, type TestRedis, untilPromoted } from '@millrace/testing';
import { Cluster, Redis } from 'ioredis';
import { createLogger } from '../log/logger.ts';
import { type RedisFactory, redisFactory, sendTogether } from './redis-factory.ts';

function openFactory(url: string): RedisFactory & Disposable {
  const logger = createLogger({ service: 'test', level: 'silent' });
  const factory = redisFactory(url, { name: 'test', logger });
  return Object.assign(factory, { [Symbol.dispose]: () => factory.close() });
}

describe('redisFactory on a cluster', () => {
  it('runs commands, delivers sharded messages (off in ioredis by itself), writes once to each server what goes together, and goes on when a node is back', async () => {
    await using cluster = await startRedisCluster();
    using factory = openFactory(cluster.url);
    const [command, worker, subscriber] = [
      factory.connect('command'),
      factory.connect('worker'),
      factory.connect('subscriber'),
    ];
    expect(factory.mode).toBe('cluster');
    await worker.set('{job}', 'kept');

    const message = new Promise((resolve) => subscriber.once('smessage', (_channel, text) => resolve(text)));
    await eventually(() => subscriber.ssubscribe('{job}channel'));
    await command.spublish('{job}channel', 'hello');
    expect(await message).toBe('hello');

    if (!(worker instanceof Cluster)) throw new Error('not a connection to a cluster');
    const keys = Array.from({ length: 30 }, (_, index) => `{${index}}`);
    await Promise.all(keys.map((key) => worker.set(key, key)));
    const writes = worker
      .nodes('master')
      .map(({ stream }) => [jest.spyOn(stream, '_write'), jest.spyOn(stream, '_writev')] as const);
    let answers: Promise<string | null>[] = [];
    sendTogether(worker, () => {
      answers = keys.map((key) => worker.get(key));
    });
    expect(await Promise.all(answers)).toEqual(keys);
    expect(writes.map(([one, many]) => [one.mock.calls.length, many.mock.calls.length])).toEqual(
      writes.map(() => [0, 1]),
    );

    await Promise.all(cluster.masters.map((master) => master.kill()));
    const before = performance.now();
    await expect(command.get('{job}')).rejects.toThrow();
    expect(performance.now() - before).toBeLessThan(6_000);
    const patient = worker.get('{job}');

    await Promise.all(cluster.masters.map((master) => master.start()));
    await cluster.untilOk();
    expect(await patient).toBe('kept');
    expect(await eventually(() => command.get('{job}'))).toBe('kept');
  });
});

describe('redisFactory on a cluster that loses a master', () => {
  it('answers every command that was under way, whatever node it was for, once the replica is promoted', async () => {
    await using cluster = await startRedisCluster({ replicasPerMaster: 1 });
    using factory = openFactory(cluster.url);
    const worker = factory.connect('worker');
    const keys = Array.from({ length: 12 }, (_, index) => `{${index}}`);
    await Promise.all(keys.map((key) => worker.set(key, 'kept')));
    const { master, replica } = await cluster.shardOf('{0}');
    await eventually(async () => (await sizeOf(replica)) === (await sizeOf(master)));
    await master.kill();

    // of those sent while the cluster is down, some are tried on whatever node: also on the one that is dead
    let promoted = false;
    const answers: Promise<string | null>[] = [];
    const asking = (async () => {
      for (; !promoted; await delay(20)) answers.push(...keys.map((key) => worker.get(key)));
    })();
    await untilPromoted(replica);
    promoted = true;
    await asking;
    const promotedAt = performance.now();
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['kept']));
    expect(performance.now() - promotedAt).toBeLessThan(15_000);
  });
});

describe('redisFactory on a cluster that is down', () => {
  it('settles whoever waits for a connection, also for a duplicate as BullMQ makes them', async () => {
    await using cluster = await startRedisCluster();
    using factory = openFactory(cluster.url);
    const given = factory.connect('blocking');
    if (!(given instanceof Cluster)) throw new Error('not a connection to a cluster');
    await given.ping();
    const duplicate = given.duplicate();
    duplicate.on('error', () => undefined);
    try {
      await duplicate.ping();
      await cluster.masters[0]?.kill();
      await eventually(async () => String(await given.cluster('INFO')).includes('cluster_state:fail'), {
        timeoutMs: 20_000,
      });
      for (const connection of [given, duplicate]) {
        connection.disconnect();
        await once(connection, 'end');
        await expect(connection.connect()).rejects.toThrow('Connection is closed.');
      }
      await cluster.masters[0]?.start();
      for (const connection of [given, duplicate]) await eventually(() => connection.ping());
    } finally {
      duplicate.disconnect();
    }
  });
});

/** @returns how many keys a node has */
async function sizeOf({ url }: TestRedis): Promise<number> {
  const redis = new Redis(url);
  try {
    return await redis.dbsize();
  } finally {
    redis.disconnect();
  }
}
