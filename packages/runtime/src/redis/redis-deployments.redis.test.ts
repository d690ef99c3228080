import { describe, expect, it } from '@jest/globals';
import { eventually, startRedisCluster, startSentinel } from '@millrace/testing';
import { createLogger } from '../logger.ts';
import { type RedisFactory, redisFactory } from './redis-factory.ts';

function openFactory(url: string): RedisFactory & Disposable {
  const logger = createLogger({ service: 'test', level: 'silent' });
  const factory = redisFactory(url, { name: 'test', logger });
  return Object.assign(factory, { [Symbol.dispose]: () => factory.close() });
}

describe('redisFactory on a cluster', () => {
  it('runs commands, delivers sharded messages, and goes on when a node is back', async () => {
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
});
