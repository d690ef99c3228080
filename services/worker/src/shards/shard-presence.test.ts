import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { RedisConnection } from '@millrace/runtime';
import { ShardAway } from '@millrace/stream-log';
import { ShardPresence } from './shard-presence.ts';

class Connection extends EventEmitter {
  status = 'connecting';
  become(status: 'ready' | 'close'): void {
    this.status = status;
    this.emit(status);
  }
}

function presenceOfTwo() {
  const connections = [new Connection(), new Connection()] as const;
  const presence = new ShardPresence(1, connections as unknown as RedisConnection[]);
  return { presence, connections };
}

const never = () => new Promise<string>(() => undefined);

describe('a shard', () => {
  it('is there while all of its connections are', () => {
    const { presence, connections } = presenceOfTwo();
    expect(presence.isThere).toBe(false);
    connections[0].become('ready');
    expect(presence.isThere).toBe(false);
    connections[1].become('ready');
    expect(presence.isThere).toBe(true);
    connections[0].become('close');
    expect(presence.isThere).toBe(false);
  });

  it('that is lost is waited for by nobody, and asked for nothing, until it is back', async () => {
    const { presence, connections } = presenceOfTwo();
    const asked = presence.unlessLost(never);
    for (const connection of connections) connection.become('ready');
    connections[1].become('close');
    await expect(asked).rejects.toThrow(new ShardAway(1));
    let calls = 0;
    const ask = async () => {
      calls += 1;
      return 'answer';
    };
    await expect(presence.unlessLost(ask)).rejects.toThrow(ShardAway);
    expect(calls).toBe(0);
    connections[1].become('ready');
    expect(await presence.unlessLost(ask)).toBe('answer');
  });

  it('that is still being connected to is waited for', async () => {
    const { presence } = presenceOfTwo();
    expect(await presence.unlessLost(async () => 'answer')).toBe('answer');
  });
});
