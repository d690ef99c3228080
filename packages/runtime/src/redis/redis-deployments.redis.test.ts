import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { eventually, startRedisCluster, startSentinel, type TestRedis, untilPromoted } from '@millrace/testing';
import { Cluster, Redis } from 'ioredis';
import { createLogger } from '../log/logger.ts';
import { type RedisFactory, redisFactory } from './redis-factory.ts';

function openFactory(url: string): RedisFactory & Disposable {
  const logger = createLogger({ service: 'test', level: 'silent' });
  const factory = redisFactory(url, { name: 'test', logger });
  return Object.assign(factory, { [Symbol.dispose]: () => factory.close() });
}

describe('redisFactory on a cluster', () => {
  it('runs commands, delivers sharded messages (off in ioredis by itself), and goes on when a node is back', async () => {
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

    await Promise.all(cluster.masters.map((master) => master.kill()));
    const before = performance.now();
    await expect(command.get('{job}')).rejects.toThrow();
    expect(performance.now() - before).toBeLessThan(2_000);
    const patient = worker.get('{job}');

    await Promise.all(cluster.masters.map((master) => master.start()));
    await cluster.untilOk();
    expect(await patient).toBe('kept');
    expect(await eventually(() => command.get('{job}'), { timeoutMs: 5_000 })).toBe('kept');
  }, 60_000);
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
    expect(performance.now() - promotedAt).toBeLessThan(5_000);
  }, 60_000);
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
      for (const connection of [given, duplicate]) await eventually(() => connection.ping(), { timeoutMs: 10_000 });
    } finally {
      duplicate.disconnect();
    }
  }, 60_000);
});

describe('redisFactory behind sentinels', () => {
  it('follows the master when it changes', async () => {
    await using deployment = await startSentinel();
    using factory = openFactory(deployment.url);
    const [command, worker] = [factory.connect('command'), factory.connect('worker')];
    expect(factory.mode).toBe('sentinel');
    await worker.set('key', 'kept');
    await worker.wait(1, 1_000);

    await deployment.master.kill();
    const answer = worker.get('key');
    await eventually(async () => (await deployment.masterPort()) === deployment.replica.port, { timeoutMs: 20_000 });
    expect(await answer).toBe('kept');
    expect(await eventually(() => command.set('key', 'new'), { timeoutMs: 5_000 })).toBe('OK');
  }, 60_000);

  it('does not give up when a sentinel answers slowly while it announces the new master', async () => {
    await using deployment = await startSentinel();
    await using sentinel = await slowSentinel(deployment.sentinelPort);
    using factory = openFactory(
      `redis+sentinel://127.0.0.1:${sentinel.port}/${new URL(deployment.url).pathname.slice(1)}`,
    );
    const connections = [factory.connect('command'), factory.connect('worker')];
    await Promise.all(connections.map((connection) => connection.ping()));
    // both detectors of fail-overs listen
    await eventually(() => sentinel.listeners >= connections.length, { timeoutMs: 10_000 });

    await deployment.master.kill();
    await eventually(async () => (await deployment.masterPort()) === deployment.replica.port, { timeoutMs: 20_000 });
    for (const connection of connections) {
      await eventually(() => connection.set('key', 'new'), { timeoutMs: 10_000 });
    }
  }, 60_000);
});

/** A sentinel that takes 400 ms for an answer, and pushes its announcements at once. */
async function slowSentinel(port: number) {
  let listeners = 0;
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let subscribed = false;
    client.on('data', (bytes) => {
      if (!subscribed && /subscribe/i.test(String(bytes))) {
        subscribed = true;
        listeners += 1;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (subscribed) client.write(bytes);
      else setTimeout(() => client.writable && client.write(bytes), 400);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => undefined).on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get listeners() {
      return listeners;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}

/** @returns how many keys a node has */
async function sizeOf({ url }: TestRedis): Promise<number> {
  const redis = new Redis(url);
  try {
    return await redis.dbsize();
  } finally {
    redis.disconnect();
  }
}
