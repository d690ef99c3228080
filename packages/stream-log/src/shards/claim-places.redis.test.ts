import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newKeyPrefix, startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { KeySpace } from '../redis/keys.ts';
import { claimPlaces } from './claim-places.ts';

let servers: readonly TestRedis[];
let redis: readonly [Redis, Redis];
beforeAll(async () => {
  servers = await Promise.all([startRedis(), startRedis()]);
  redis = servers.map(({ url }) => new Redis(url)) as [Redis, Redis];
});
afterAll(async () => {
  for (const each of redis) each.disconnect();
  await Promise.all(servers.map((server) => server.stop()));
});

const newKeys = () => new KeySpace(newKeyPrefix());

describe('the places of shards', () => {
  it('are taken by the first process, and the same for all others', async () => {
    const keys = newKeys();
    for (let process = 0; process < 2; process += 1) await claimPlaces(redis, keys);
    expect(await Promise.all(redis.map((each) => each.get(keys.shardPlace)))).toEqual(['0', '1']);
    // it began with one
    await claimPlaces([redis[0]], keys);
  });

  it('are refused where one Redis has two names, the order is another, or one alone is not the first', async () => {
    const keys = newKeys();
    await expect(claimPlaces([redis[0], redis[0]], keys)).rejects.toThrow(
      'URL 2 of REDIS_URLS is shard 0, not 1: name',
    );
    await claimPlaces(redis, keys);
    await expect(claimPlaces([redis[1], redis[0]], keys)).rejects.toThrow('URL 1 of REDIS_URLS is shard 1, not 0');
    await expect(claimPlaces([redis[1]], keys)).rejects.toThrow(`delete ${keys.shardPlace} there`);
  });

  it('are not noted by a process that is wrong', async () => {
    const keys = newKeys();
    await claimPlaces([redis[0]], keys);
    // the second is new, and named first by mistake
    await expect(claimPlaces([redis[1], redis[0]], keys)).rejects.toThrow('URL 2 of REDIS_URLS is shard 0, not 1');
    expect(await redis[1].get(keys.shardPlace)).toBeNull();
    await claimPlaces(redis, keys);
  });

  it('are noted by nobody while one does not answer, which is not waited for, and looked at all the same', async () => {
    const keys = newKeys();
    const hangs = { set: () => new Promise(() => undefined), get: () => new Promise<null>(() => undefined) };
    const fails = { set: () => Promise.reject(new Error('away')), get: () => Promise.reject(new Error('away')) };
    await claimPlaces([hangs, redis[0]], keys);
    await claimPlaces([redis[0], fails], keys);
    expect(await redis[0].get(keys.shardPlace)).toBeNull();
    await claimPlaces([redis[0]], keys);
    await expect(claimPlaces([fails, redis[0]], keys)).rejects.toThrow('URL 2 of REDIS_URLS is shard 0, not 1');
  });

  it('of one that is full are not noted, which is no failure', async () => {
    const full = { set: () => Promise.reject(new Error('OOM')), get: async () => null };
    await claimPlaces([full], newKeys());
  });
});
