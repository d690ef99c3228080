import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisAddress } from '../settings/redis-url.ts';

/** The purpose of a connection, which decides how long it waits for a Redis that does not respond.
 *  - `command`: for a waiting caller (the API): a dead Redis is an error within 2 s
 *  - `queue`: a BullMQ producer; like `command`
 *  - `worker`: work that can wait: commands stay queued until Redis is back, and are then sent again
 *  - `blocking`: a BullMQ worker: like `worker`, and a command may block for `maxBlockMs`
 *  - `subscriber`: pub/sub; never resubscribes by itself, since a subscription counts only after its confirmation; subscribing
 *    fails within 2 s */
export type RedisRole = 'command' | 'queue' | 'worker' | 'blocking' | 'subscriber';

/** The longest BullMQ blocks in one command: its `drainDelay` is 5 s, and 10 s while delayed jobs exist. */
export const BULLMQ_MAX_BLOCK_MS = 10_000;

/** Longest wait for a reply on behalf of a caller. */
export const COMMAND_TIMEOUT_MS = 1_500;

const CONNECT_TIMEOUT_MS = 2_000;
// A connection without a reply for this long is dead: its packets vanish without a reset.
const SILENCE_TIMEOUT_MS = 2_500;
// The kernel probes an idle peer after this, then every second, ten times: the only check of a connection that sends
// nothing.
const KEEP_ALIVE_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 500;
// how long QUIT may take before the socket is destroyed
const DISCONNECT_TIMEOUT_MS = 500;
// enough for a restart of Redis or a lost connection; COMMAND_TIMEOUT_MS is the bound in any case
const COMMAND_RETRIES = 3;
const SLOTS_REFRESH_MS = 2_000;

/** Delay before a reconnect: 50 ms, 100 ms, … up to half a second, so that service resumes soon after Redis does. */
export function reconnectDelayMs(attempt: number): number {
  return Math.min(attempt * 50, MAX_RECONNECT_DELAY_MS);
}

/** Recognises, by Redis's error prefix, a server that is no longer the master: reconnect to the new one and retry. */
function reconnectOnError(error: Error): 2 | false {
  return /^(READONLY|UNBLOCKED|MASTERDOWN) /.test(error.message) ? 2 : false;
}

/** The options of one connection to one server, for a role. */
export function nodeOptions(address: RedisAddress, role: RedisRole, name: string, maxBlockMs: number) {
  const canWait = role === 'worker' || role === 'blocking';
  return {
    connectionName: `${name}:${role}`,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls ? { tls: {} } : {}),
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    socketTimeout: role === 'blocking' ? maxBlockMs + SILENCE_TIMEOUT_MS : SILENCE_TIMEOUT_MS,
    retryStrategy: reconnectDelayMs,
    maxRetriesPerRequest: role === 'command' || role === 'queue' ? COMMAND_RETRIES : null,
    ...(canWait ? {} : { commandTimeout: COMMAND_TIMEOUT_MS }),
    maxLoadingRetryTime: MAX_RECONNECT_DELAY_MS,
    reconnectOnError,
    autoResubscribe: false,
  } satisfies RedisOptions;
}

/** Additional options of a connection that finds its master through sentinels. */
export function sentinelOptions(address: RedisAddress) {
  return {
    name: address.masterName,
    sentinels: [...address.nodes],
    ...(address.username === undefined ? {} : { sentinelUsername: address.username }),
    ...(address.password === undefined ? {} : { sentinelPassword: address.password }),
    ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelRetryStrategy: reconnectDelayMs,
    sentinelReconnectStrategy: reconnectDelayMs,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    failoverDetector: true,
    db: address.db,
  } satisfies RedisOptions;
}

/** The options of a cluster connection, for a role. */
export function clusterOptions(address: RedisAddress, role: RedisRole, name: string, maxBlockMs: number) {
  const { retryStrategy: _, ...redisOptions } = nodeOptions(address, role, name, maxBlockMs);
  return {
    redisOptions,
    // Reconnects to the cluster, never to a single node: a lost node is dropped at once, and its commands go to the new owner
    // of its slots. ioredis would drop commands that wait for a node which leaves the cluster.
    clusterRetryStrategy: reconnectDelayMs,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    // a failover takes as long as the cluster's node timeout (15 s by default), at one redirection per 100 ms
    maxRedirections: role === 'worker' || role === 'blocking' ? 600 : 16,
    shardedSubscribers: role === 'subscriber',
    // with TLS, the certificate is for the host name, not for the address that it resolves to
    ...(address.tls ? { dnsLookup: (host, found) => found(null, host) } : {}),
  } satisfies ClusterOptions;
}
