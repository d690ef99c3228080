import { startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';

/** A Redis for one peer alone, which keeps its writes as Millrace's compose file has it: on the disk within a second. */
export async function startOwnRedis(): Promise<TestRedis> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  await client.config('SET', 'appendfsync', 'everysec');
  client.disconnect();
  return redis;
}
