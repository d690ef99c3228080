import type { Redis } from 'ioredis';

const HEARTBEAT_MS = 2_000;

/** Sends a PING every 2 s while connected. A subscriber sends nothing by itself, so a connection whose packets vanish
 *  would look like a quiet one; with a command outstanding the socket timeout notices it within seconds.
 *  @returns the end of it */
export function startHeartbeat(connection: Redis): () => void {
  const timer = setInterval(() => {
    if (connection.status !== 'ready') return;
    connection.ping().catch(() => {
      // the socket timeout acts on it, and the connection's own listener logs it
    });
  }, HEARTBEAT_MS);
  return () => clearInterval(timer);
}
