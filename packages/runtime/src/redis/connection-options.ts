import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisAddress } from './redis-url.ts';

/** What a connection is for, and therefore how long it waits for a Redis that does not answer.
 *  - `command`: on behalf of a caller who waits (the API): a dead Redis is an error within 2 s
 *  - `queue`: a BullMQ producer; like `command`
 *  - `worker`: work that can wait: commands stay queued until Redis is back, and are then sent again
 *  - `blocking`: a BullMQ worker: like `worker`, and a command may block for `maxBlockMs`
 *  - `subscriber`: pub/sub; never resubscribes by itself, because a subscription counts only when its confirmation
 *    has been awaited; subscribing fails within 2 s */
export type RedisRole = 'command' | 'queue' | 'worker' | 'blocking' | 'subscriber';

/** The longest BullMQ blocks in one command: its `drainDelay` is 5 s, and 10 s while delayed jobs exist. */
export const BULLMQ_MAX_BLOCK_MS = 10_000;

/** A caller waits no longer than this for a reply. */
export const COMMAND_TIMEOUT_MS = 1_500;

const CONNECT_TIMEOUT_MS = 2_000;
// A connection on which a command has been sent and nothing came back is dead: its packets vanish without a reset.
const SILENCE_TIMEOUT_MS = 2_500;
// The kernel probes an idle peer after this, then every second, ten times: the only sign of life of a connection that
// sends nothing.
const KEEP_ALIVE_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 500;
// how long a goodbye may take before the socket is simply destroyed
const DISCONNECT_TIMEOUT_MS = 500;
// enough for a restart of Redis or a dropped connection; COMMAND_TIMEOUT_MS bounds it in any case
const COMMAND_RETRIES = 3;
const SLOTS_REFRESH_MS = 2_000;

/** Delays between attempts: 50 ms, 100 ms, … and at most half a second, so that service resumes soon after Redis does. */
export function reconnectDelayMs(attempt: number): number {
  return Math.min(attempt * 50, MAX_RECONNECT_DELAY_MS);
}

/** Errors of a server that stopped being the master, by Redis's error prefix: find the new master, then ask again. */
function reconnectOnError(error: Error): 2 | false {
  return /^(READONLY|UNBLOCKED|MASTERDOWN) /.test(error.message) ? 2 : false;
}

/** The options of one connection to one server, for a role. */
export function nodeOptions(address: RedisAddress, role: RedisRole, name: string, maxBlockMs: number) {
  const patient = role === 'worker' || role === 'blocking';
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
    ...(patient ? {} : { commandTimeout: COMMAND_TIMEOUT_MS }),
    maxLoadingRetryTime: MAX_RECONNECT_DELAY_MS,
    reconnectOnError,
    autoResubscribe: false,
  } satisfies RedisOptions;
}

/** The further options of a connection that finds its master through sentinels. */
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
    // For the whole. A node that is lost is given up at once, and its commands go to whoever has its slots: were it tried
    // again, those that wait for it would be forgotten when it leaves the cluster.
    clusterRetryStrategy: reconnectDelayMs,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    // a failover takes as long as the cluster's node timeout (15 s by default), at one redirection per 100 ms
    maxRedirections: role === 'worker' || role === 'blocking' ? 600 : 16,
    shardedSubscribers: role === 'subscriber',
    // behind TLS the certificate is made out to the name, not to the address that it resolves to
    ...(address.tls ? { dnsLookup: (host, found) => found(null, host) } : {}),
  } satisfies ClusterOptions;
}
