import type { Redis } from 'ioredis';

const HEARTBEAT_MS = 2_000;

/** Sends a PING every 2 s while connected. A subscriber sends nothing by itself, so a dead connection would look idle; with a
 *  command outstanding, the socket timeout detects it within seconds.
 *  @returns a function that stops the heartbeat */
export function startHeartbeat(connection: Redis): () => void {
  const timer = setInterval(() => {
    if (connection.status !== 'ready') return;
    connection.ping().catch(() => {
      // the socket timeout handles it, and the connection's listener logs it
    });
  }, HEARTBEAT_MS);
  return () => clearInterval(timer);
}
