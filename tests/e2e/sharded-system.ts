import { jobRef, newRequestId, threadRef } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import { newKeyPrefix, startRedisProcess, type TestRedis } from '@millrace/testing';
import { ThreadKeys } from '@millrace/threads';
import { Redis } from 'ioredis';
import { RedisUsers } from './redis-users.ts';
import { SystemHarness } from './system-harness.ts';

/** Headers by which a caller chooses the shard of a job. */
export const inShard = (shard: number) => ({ 'x-request-id': newRequestId(shard) });

type Settings = Readonly<Record<string, string>>;

export interface ShardedOptions {
  /** Redis servers; 2 when left out */
  readonly servers?: number;
  /** the settings that say which of them are shards; all of them, from the beginning, when left out
   *  @param urls of the servers */
  readonly shards?: (...urls: string[]) => Settings;
  /** other settings of the services */
  readonly env?: Settings;
  /** number of API processes, and of workers; 2 when left out */
  readonly processes?: number;
}

/** The built system on several Redis servers that know nothing of each other. */
export class ShardedSystem implements AsyncDisposable {
  readonly #keys: KeySpace;
  readonly #threadKeys: ThreadKeys;

  private constructor(
    readonly system: SystemHarness,
    readonly servers: readonly TestRedis[],
    private readonly connections: readonly Redis[],
    prefix: string,
    private readonly parts: AsyncDisposableStack,
  ) {
    this.#keys = new KeySpace(prefix);
    this.#threadKeys = new ThreadKeys(prefix);
  }

  static async start(options: ShardedOptions = {}): Promise<ShardedSystem> {
    const { servers: count = 2, shards = (...urls) => ({ REDIS_URLS: urls.join(' ') }), env = {}, processes } = options;
    await using parts = new AsyncDisposableStack();
    const users = parts.use(await RedisUsers.of(newKeyPrefix()));
    const servers = await Promise.all(
      Array.from({ length: count }, async () => parts.use(await startRedisProcess(users.serverArgs))),
    );
    const urls = servers.map(({ url }) => url);
    const connections = urls.map((url) => {
      const connection = parts.adopt(new Redis(url), (open) => open.disconnect());
      // a server that the test has killed
      return connection.on('error', () => undefined);
    });
    const system = parts.use(
      await SystemHarness.start({
        redis: { url: urls[0] ?? '', users },
        env: { ...shards(...urls), ...env },
        ...(processes === undefined ? {} : { processes }),
      }),
    );
    return new ShardedSystem(system, servers, connections, users.keyPrefix, parts.move());
  }

  /** the URLs of the servers, for everybody */
  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  /** @returns the numbers of the servers that have the record of a job: one, unless something is wrong */
  placesOfJob(id: string, tenant = 'default'): Promise<number[]> {
    return this.#placesOf(this.#keys.record(jobRef(tenant, id)));
  }

  /** @returns the numbers of the servers that have the record of a thread */
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
