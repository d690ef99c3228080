import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deferred, startRedis, type TestRedis } from '@millrace/testing';
import { SubscriptionUnconfirmed } from '../errors.ts';
import { LogHarness } from '../testing/log-harness.ts';
import { ChannelHub } from './channel-hub.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe('the hub of channels', () => {
  it('says that messages may have been missed only when Redis has confirmed every channel again (law 6, ioredis)', async () => {
    await using d = LogHarness.single(server.url);
    const connection = d.connection();
    await connection.ping();
    const hub = new ChannelHub({ connection, sharded: false });
    const names = Array.from({ length: 1_200 }, (_, i) => `${d.keys.control}:${i}`);
    const again = names.map(() => deferred());
    const heard: string[] = [];
    await Promise.all(
      names.map((name, i) =>
        hub.subscribe(name, { message: (payload) => heard.push(payload), resubscribed: () => again[i]?.resolve() }),
      ),
    );
    expect(hub.ready).toBe(true);
    await d.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await Promise.all(again.map(({ promise }) => promise));
    expect(hub.ready).toBe(true);
    for (const name of names) expect(await d.redis.publish(name, name)).toBe(1);
    hub.close();
  });

  it('fails a subscription that is not confirmed in time, and drops it', async () => {
    await using d = LogHarness.single(server.url);
    const connection = d.connection();
    const hub = new ChannelHub({ connection, sharded: false, confirmTimeoutMs: 100 });
    await connection.ping();
    await server.pause();
    await expect(
      hub.subscribe(d.keys.control, { message: () => undefined, resubscribed: () => undefined }),
    ).rejects.toThrow(SubscriptionUnconfirmed);
    await server.resume();
    await connection.ping();
    expect(await d.redis.publish(d.keys.control, 'x')).toBe(0);
    hub.close();
  });
});
