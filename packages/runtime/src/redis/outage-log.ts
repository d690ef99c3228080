import type { Cluster, Redis } from 'ioredis';
import { redisMessage } from '../log/error-outline.ts';
import type { Logger } from '../log/logger.ts';

/** Logs when a connection is lost and when it is back: two lines per outage, not one per attempt. Without its `error`
 *  listener, ioredis would write to the console. */
export function logOutages(connection: Redis | Cluster, name: string, logger: Logger): void {
  let lostAt: number | null = null;
  let lastError: Error | undefined;

  const lost = () => {
    if (lostAt !== null) return;
    lostAt = performance.now();
    logger.warn({ connection: name, reason: reasonOf(lastError) }, 'redis lost');
  };

  connection.on('error', (error: Error) => {
    lastError = error;
    if (connection.status !== 'ready') lost();
  });
  connection.on('reconnecting', lost);
  connection.on('ready', () => {
    if (lostAt !== null) {
      logger.info({ connection: name, durationMs: Math.round(performance.now() - lostAt) }, 'redis back');
    }
    lostAt = null;
    lastError = undefined;
  });
}

// A refused connection to several addresses has an empty message but a code. Never log the error itself: it carries the
// command's arguments.
function reasonOf(error: Error | undefined): string {
  if (error === undefined) return 'closed by the server';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return redisMessage(error.message) || code || error.name;
}
