import { Redis } from 'ioredis';

/** Runs a callback on a new connection to a local server, and closes the connection. */
export async function withConnection<T>(port: number, run: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, maxRetriesPerRequest: 1 });
  redis.on('error', () => {
    // what `run` awaits is rejected with the same
  });
  try {
    return await run(redis);
  } finally {
    redis.disconnect();
  }
}
