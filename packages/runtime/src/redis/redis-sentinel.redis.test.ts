import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { eventually, startSentinel } from '@millrace/testing';
import { createLogger } from '../log/logger.ts';
import { type RedisFactory, redisFactory } from './redis-factory.ts';

function openFactory(url: string): RedisFactory & Disposable {
  const logger = createLogger({ service: 'test', level: 'silent' });
  const factory = redisFactory(url, { name: 'test', logger });
  return Object.assign(factory, { [Symbol.dispose]: () => factory.close() });
}

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
    expect(await eventually(() => command.set('key', 'new'))).toBe('OK');
  });

  it('does not give up when a sentinel answers slowly while it announces the new master', async () => {
    await using deployment = await startSentinel();
    await using sentinel = await slowSentinel(deployment.sentinelPort);
    using factory = openFactory(
      `redis+sentinel://127.0.0.1:${sentinel.port}/${new URL(deployment.url).pathname.slice(1)}`,
    );
    const connections = [factory.connect('command'), factory.connect('worker')];
    // a command may give up while the slow sentinel is still asked for the master
    await Promise.all(connections.map((connection) => eventually(() => connection.ping())));
    // both detectors of fail-overs listen
    await eventually(() => sentinel.listeners >= connections.length);

    await deployment.master.kill();
    await eventually(async () => (await deployment.masterPort()) === deployment.replica.port, { timeoutMs: 20_000 });
    for (const connection of connections) {
      await eventually(() => connection.set('key', 'new'));
    }
  });
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
