import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { newKeyPrefix, startRedis } from './start-redis.ts';
import type { TestRedis } from './test-redis.ts';

describe('startRedis', () => {
  let server: TestRedis;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url, { retryStrategy: () => 50 });
    redis.on('error', () => {
      // expected: these tests stop the server
    });
  });

  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it('answers on its URL', async () => {
    expect(await redis.ping()).toBe('PONG');
  });

  it('keeps its data over a restart', async () => {
    const key = newKeyPrefix();
    await redis.set(key, 'kept');
    await server.restart();
    expect(await redis.get(key)).toBe('kept');
  });

  it('keeps what it acknowledged before it was killed', async () => {
    const key = newKeyPrefix();
    await redis.set(key, 'kept');
    await server.kill();
    await server.start();
    expect(await redis.get(key)).toBe('kept');
  });

  it('answers late after a pause, but answers', async () => {
    await server.pause();
    const answer = redis.ping();
    await server.resume();
    expect(await answer).toBe('PONG');
  });
});
