import { EventEmitter } from 'node:events';
import { expect, it } from '@jest/globals';
import type { RedisConnection } from '../redis/scripts.ts';
import { ChannelHub } from './channel-hub.ts';

/** A connection that stays up, and confirms only what the test tells it to. */
class SlowConnection extends EventEmitter {
  readonly status = 'ready';
  readonly asked: string[][] = [];
  confirms = true;

  async subscribe(...channels: string[]): Promise<void> {
    this.asked.push(channels);
    if (!this.confirms) await new Promise(() => undefined);
  }
}

it('the hub subscribes again when Redis was only slow to confirm, on a connection that stays up (law 5)', async () => {
  const connection = new SlowConnection();
  const hub = new ChannelHub({
    connection: connection as unknown as RedisConnection,
    sharded: false,
    confirmTimeoutMs: 20,
  });
  const again = Promise.withResolvers<void>();
  await hub.subscribe('channel', { message: () => undefined, resubscribed: again.resolve });

  connection.emit('close');
  connection.confirms = false;
  connection.emit('ready');
  expect(hub.ready).toBe(false);
  // the command that gets no reply has been sent; no further `ready` comes
  expect(connection.asked).toHaveLength(2);
  connection.confirms = true;
  await again.promise;
  expect(hub.ready).toBe(true);
  expect(connection.asked).toEqual([['channel'], ['channel'], ['channel']]);
  hub.close();
});
