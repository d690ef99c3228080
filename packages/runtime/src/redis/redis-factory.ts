import { type Cluster, Redis } from 'ioredis';
import type { Logger } from '../log/logger.ts';
import { parseRedisUrl, type RedisAddress } from '../settings/redis-url.ts';
import { SettingsError } from '../settings/settings-error.ts';
import { BatchingRedis } from './batching-redis.ts';
import { BoundedCluster } from './bounded-cluster.ts';
import {
  BULLMQ_MAX_BLOCK_MS,
  clusterOptions,
  nodeOptions,
  type RedisRole,
  reconnectDelayMs,
  sentinelOptions,
} from './connection-options.ts';
import { startHeartbeat } from './heartbeat.ts';
import { LastingCluster } from './lasting-cluster.ts';
import { logOutages } from './outage-log.ts';
import { sentinelConnector } from './sentinel-connector.ts';

/** A connection to one server (directly or through sentinels) or to a cluster. */
export type RedisConnection = Redis | Cluster;

export interface ConnectOptions {
  /** longest block of a command of role `blocking`, milliseconds; default: BullMQ's 10 s. A dead connection is detected 2.5 s
   *  later. */
  readonly maxBlockMs?: number;
}

export interface RedisFactory {
  readonly mode: RedisAddress['mode'];
  /** Opens a connection. It is usable at once, and connects and reconnects by itself. For a worker, BullMQ duplicates the
   *  connection that it gets and closes its duplicate itself. */
  connect(role: RedisRole, options?: ConnectOptions): RedisConnection;
  /** Closes every connection that it opened, at once, and rejects pending commands. (Exception: during an outage of a cluster,
   *  commands of role `worker` stay pending.) Call it last. */
  close(): void;
}

export interface RedisFactoryOptions {
  /** shown in `CLIENT LIST`, with the role */
  readonly name: string;
  readonly logger: Logger;
}

/** Opens the connections of one process.
 *  Each resumes within 5 s after Redis is back. Lost packets are detected within 2.5 s after a command, within 4.5 s on a
 *  subscriber of a single Redis, and within 11 s on an idle connection (the kernel's keep-alive).
 *  @param url one of the forms of `REDIS_URL`; see {@link parseRedisUrl}
 *  @throws SettingsError the URL has none of these forms */
export function redisFactory(url: string, { name, logger }: RedisFactoryOptions): RedisFactory {
  const parsed = parseRedisUrl(url);
  if (!parsed.ok) throw new SettingsError([{ name: 'REDIS_URL', problem: parsed.problem, allowed: '' }]);
  const { address } = parsed;
  const closers: (() => void)[] = [];

  return {
    mode: address.mode,
    connect(role, { maxBlockMs = BULLMQ_MAX_BLOCK_MS } = {}) {
      const connection = openConnection(address, role, name, maxBlockMs);
      logOutages(connection, `${name}:${role}`, logger);
      if (role === 'subscriber' && connection instanceof Redis) closers.push(startHeartbeat(connection));
      closers.push(() => closeConnection(connection));
      return connection;
    },
    close() {
      for (const close of closers.splice(0)) close();
    },
  };
}

/** Makes one write, to each server that they go to, of all commands that `send` sends on a connection: at once, and however many
 *  they are. */
export function sendTogether(connection: RedisConnection, send: () => void): void {
  if (connection instanceof BatchingRedis) {
    connection.together(send);
    return;
  }
  const nodes = connection instanceof Redis ? [connection] : connection.nodes('master');
  // undefined before the first attempt to connect
  const sockets = nodes.map(({ stream }) => stream as typeof stream | undefined);
  for (const socket of sockets) socket?.cork();
  try {
    send();
  } finally {
    for (const socket of sockets) socket?.uncork();
  }
}

function openConnection(address: RedisAddress, role: RedisRole, name: string, maxBlockMs: number): RedisConnection {
  if (address.mode === 'cluster') {
    const Kind = role === 'worker' || role === 'blocking' ? LastingCluster : BoundedCluster;
    return new Kind([...address.nodes], clusterOptions(address, role, name, maxBlockMs));
  }
  const options = { ...nodeOptions(address, role, name, maxBlockMs), retryStrategy: reconnectDelayMs };
  if (address.mode === 'sentinel') {
    return new BatchingRedis({ ...options, ...sentinelOptions(address), Connector: sentinelConnector });
  }
  const [server] = address.nodes;
  return new BatchingRedis({ ...options, ...server, db: address.db });
}

function closeConnection(connection: RedisConnection): void {
  const isReconnecting = connection.status === 'reconnecting';
  connection.disconnect();
  if (!isReconnecting || !(connection instanceof Redis)) return;
  // between two attempts there is no socket whose end would reject the pending commands: start an attempt and end it
  connection.connect().catch(() => {
    // expected: the next line ends this attempt
  });
  connection.disconnect();
}
