import type { BaseCheckpointSaver, BaseStore } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import type { ContentCipher, RedisConnection, StoredBytes } from '@millrace/stream-log';
import type { ThreadKeys } from '../thread-keys.ts';
import { type CheckpointLimits, CheckpointTable } from './checkpoint-table.ts';
import { headIn } from './head.ts';
import type { AttemptLease, AttemptLog, Head, Savers, StoreUse } from './ports.ts';
import type { Postgres } from './postgres.ts';
import type { WriteFence } from './postgres-fence.ts';
import { RedisSaver } from './redis-saver.ts';
import { RedisStore } from './redis-store.ts';
import { storeSubject, TenantStore } from './tenant-store.ts';

export { CheckpointsTooLarge, StoreFull, WrongThread } from './errors.ts';
export { RedisSaver } from './redis-saver.ts';
export { RedisStore } from './redis-store.ts';

export interface SaverOptions {
  /** `redis`, or the URL of a PostgreSQL database */
  readonly checkpoints: string;
  readonly redis: RedisConnection;
  readonly keys: ThreadKeys;
  /** counts what tenants have in their stores */
  readonly storedBytes?: StoredBytes;
  /** default: nothing is encrypted */
  readonly cipher?: ContentCipher;
  readonly limits: CheckpointLimits & {
    /** of a tenant's store */
    readonly maxStoreBytes: number;
  };
}

/** Opens what keeps the state of agents, for a worker: it waits while Redis is away.
 *  @param options one for each shard; the database is that of the first
 *  @returns one for each shard; the first closes what they share
 *  @throws Error the database of `checkpoints` does not answer */
export async function openEachSavers(options: readonly SaverOptions[]): Promise<Savers[]> {
  const url = options[0]?.checkpoints ?? 'redis';
  if (url === 'redis') return options.map((each) => new RedisSavers(each));
  const { Postgres } = await import('./postgres.ts');
  const postgres = await Postgres.open(url);
  return options.map((each) => new PostgresSavers(each, postgres));
}

/** As {@link openEachSavers}, of one Redis. */
export async function openSavers(options: SaverOptions): Promise<Savers> {
  const [only] = await openEachSavers([options]);
  return only as Savers;
}

class RedisSavers implements Savers {
  protected readonly table: CheckpointTable;

  constructor(readonly options: SaverOptions) {
    this.table = new CheckpointTable({ ...options, patient: true });
  }

  forAttempt(lease: AttemptLease, log: AttemptLog, signal?: AbortSignal): BaseCheckpointSaver {
    return new RedisSaver(this.table.until(signal), { lease, log });
  }

  storeOf(tenant: string, use: StoreUse = {}): BaseStore {
    const { redis, keys, limits, storedBytes, cipher } = this.options;
    return new RedisStore({ ...use, redis, keys, tenant, storedBytes, cipher, maxBytes: limits.maxStoreBytes });
  }

  headOf(ref: ThreadRef): Promise<Head | null> {
    return headIn(this.table, ref);
  }

  async forget(_ref: ThreadRef): Promise<void> {
    // everything is in Redis
  }

  async close(): Promise<void> {
    // the connection is its owner's
  }
}

/** Redis says which checkpoints count, and PostgreSQL has their values. */
class PostgresSavers extends RedisSavers {
  constructor(
    options: SaverOptions,
    readonly postgres: Postgres,
  ) {
    super(options);
  }

  override forAttempt(lease: AttemptLease, log: AttemptLog, signal?: AbortSignal): BaseCheckpointSaver {
    const content = this.postgres.saver(this.#fence(lease.ref, lease, signal));
    return new RedisSaver(this.table.until(signal), { lease, log }, content);
  }

  override storeOf(tenant: string, { lease, signal }: StoreUse = {}): BaseStore {
    const { postgres } = this;
    if (lease === undefined) return new TenantStore(postgres.store, tenant);
    return new TenantStore(postgres.storeBehind(this.#fence(storeSubject(tenant), lease, signal)), tenant);
  }

  override forget(ref: ThreadRef): Promise<void> {
    return this.postgres.saver().deleteThread(ref);
  }

  override async close(): Promise<void> {
    await this.postgres.close();
  }

  #fence(subject: string, lease: AttemptLease, signal: AbortSignal | undefined): WriteFence {
    return { subject, signal, check: () => this.table.requireClaim(lease) };
  }
}
