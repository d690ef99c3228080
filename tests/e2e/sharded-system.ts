import { jobRef, newRequestId, threadRef } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import { newKeyPrefix, startRedisCluster, startRedisProcess, startSentinel, type TestRedis } from '@millrace/testing';
import { ThreadKeys } from '@millrace/threads';
import { Cluster, Redis } from 'ioredis';
import { RedisUsers } from './redis-users.ts';
import { SystemHarness } from './system-harness.ts';

/** Headers by which a caller chooses the shard of a job. */
export const inShard = (shard: number) => ({ 'x-request-id': newRequestId(shard) });

type Settings = Readonly<Record<string, string>>;

export interface ShardedOptions {
  /** Redis servers; 2 when left out */
  readonly servers?: number;
  /** in place of servers: a Redis Cluster, and a master with a replica and a sentinel. Without the rights of infra/redis */
  readonly replicated?: boolean;
  /** the settings that say which of them are shards; all of them, from the beginning, when left out
   *  @param urls of the deployments of Redis */
  readonly shards?: (...urls: string[]) => Settings;
  /** other settings of the services */
  readonly env?: Settings;
  /** number of API processes, and of workers; 2 when left out */
  readonly processes?: number;
}

/** The built system on several deployments of Redis that know nothing of each other: servers, unless told otherwise. */
export class ShardedSystem implements AsyncDisposable {
  readonly #keys: KeySpace;
  readonly #threadKeys: ThreadKeys;

  private constructor(
    readonly system: SystemHarness,
    /** the URLs of the deployments, for everybody */
    readonly urls: readonly string[],
    readonly servers: readonly TestRedis[],
    private readonly connections: readonly (Redis | Cluster)[],
    prefix: string,
    private readonly parts: AsyncDisposableStack,
  ) {
    this.#keys = new KeySpace(prefix);
    this.#threadKeys = new ThreadKeys(prefix);
  }

  static async start(options: ShardedOptions = {}): Promise<ShardedSystem> {
    const { shards = (...urls) => ({ REDIS_URLS: urls.join(' ') }), env = {}, processes } = options;
    await using parts = new AsyncDisposableStack();
    const prefix = newKeyPrefix();
    const redis = options.replicated ? await replicated(parts) : await separate(parts, prefix, options.servers ?? 2);
    // a server that the test has killed
    for (const connection of redis.connections) connection.on('error', () => undefined);
    const system = parts.use(
      await SystemHarness.start({
        redis: { url: redis.urls[0] ?? '', ...(redis.users && { users: redis.users }) },
        env: { MILLRACE_KEY_PREFIX: prefix, ...shards(...redis.urls), ...env },
        ...(processes === undefined ? {} : { processes }),
      }),
    );
    return new ShardedSystem(system, redis.urls, redis.servers, redis.connections, prefix, parts.move());
  }

  /** @returns the numbers of the deployments that have the record of a job: one, unless something is wrong */
  placesOfJob(id: string, tenant = 'default'): Promise<number[]> {
    return this.#placesOf(this.#keys.record(jobRef(tenant, id)));
  }

  /** @returns the numbers of the deployments that have the record of a thread */
  placesOfThread(id: string, tenant = 'default'): Promise<number[]> {
    return this.#placesOf(this.#threadKeys.record(threadRef(tenant, id)));
  }

  /** Replaces every process, one after the other, as a roll-out does.
   *  @param settings that change
   *  @param between is done after each, while old and new ones work side by side */
  async rollOut(settings: Settings, between: () => Promise<unknown> = async () => undefined): Promise<void> {
    const { apis, workers } = this.system;
    for (const [place, worker] of [...workers].entries()) {
      await this.system.restart(worker, settings);
      const api = apis[place];
      if (api !== undefined) await this.system.restart(api, settings);
      await between();
    }
  }

  async #placesOf(key: string): Promise<number[]> {
    const found = await Promise.all(this.connections.map((connection) => connection.exists(key)));
    return found.flatMap((count, server) => (count === 1 ? [server] : []));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.disposeAsync();
  }
}

interface Deployments {
  readonly urls: readonly string[];
  readonly servers: readonly TestRedis[];
  readonly connections: readonly (Redis | Cluster)[];
  readonly users?: RedisUsers;
}

async function separate(parts: AsyncDisposableStack, prefix: string, count: number): Promise<Deployments> {
  const users = parts.use(await RedisUsers.of(prefix));
  const servers = await Promise.all(
    Array.from({ length: count }, async () => parts.use(await startRedisProcess(users.serverArgs))),
  );
  const urls = servers.map(({ url }) => url);
  const connections = urls.map((url) => parts.adopt(new Redis(url), (open) => open.disconnect()));
  return { urls, servers, connections, users };
}

async function replicated(parts: AsyncDisposableStack): Promise<Deployments> {
  const cluster = parts.use(await startRedisCluster());
  const watched = parts.use(await startSentinel());
  const nodes = cluster.ports.map((port) => ({ host: '127.0.0.1', port }));
  const connections = [new Cluster(nodes), new Redis(watched.master.url)];
  for (const connection of connections) parts.adopt(connection, (open) => open.disconnect());
  return { urls: [cluster.url, watched.url], servers: [], connections };
}
