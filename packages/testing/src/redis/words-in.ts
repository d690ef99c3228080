import { Redis } from 'ioredis';

/** Looks for a word in all of a Redis: names of keys, fields, members and values.
 *  @returns the names of the keys that have it */
export async function wordsIn(url: string, word: string): Promise<string[]> {
  const redis = new Redis(url);
  try {
    const found: string[] = [];
    for await (const names of redis.scanStream({ count: 1_000 }) as AsyncIterable<string[]>) {
      for (const name of new Set(names)) {
        if (name.includes(word) || JSON.stringify(await contentOf(redis, name)).includes(word)) found.push(name);
      }
    }
    return found;
  } finally {
    redis.disconnect();
  }
}

async function contentOf(redis: Redis, name: string): Promise<unknown> {
  const type = await redis.type(name);
  switch (type) {
    case 'string':
      return redis.get(name);
    case 'hash':
      return Object.entries(await redis.hgetall(name));
    case 'list':
      return redis.lrange(name, 0, -1);
    case 'set':
      return redis.smembers(name);
    case 'zset':
      return redis.zrange(name, '0', '-1');
    case 'stream':
      return redis.xrange(name, '-', '+');
    case 'none':
      return null; // gone since it was named
    default:
      throw new Error(`a key of an unknown type: ${type}`);
  }
}
