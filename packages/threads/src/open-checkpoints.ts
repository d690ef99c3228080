import type { ContentCipher, RedisConnection, StoredBytes } from '@millrace/stream-log';
import { type CheckpointLimits, CheckpointTable } from './checkpoints/checkpoint-table.ts';
import type { Checkpoints } from './checkpoints/ports.ts';
import { RedisCheckpoints } from './checkpoints/redis-checkpoints.ts';
import type { ThreadKeys } from './thread-keys.ts';

export interface CheckpointOptions {
  /** `redis`, or the URL of a PostgreSQL database */
  readonly checkpoints: string;
  readonly redis: RedisConnection;
  readonly keys: ThreadKeys;
  readonly limits: CheckpointLimits;
  /** counts what tenants have in their stores */
  readonly storedBytes?: StoredBytes;
  /** default: nothing is encrypted */
  readonly cipher?: ContentCipher;
}

/** Opens the checkpoints of agents for the API, which passes an error of Redis on at once. LangChain is loaded for PostgreSQL
 *  alone.
 *  @param options one for each shard; the database is that of the first
 *  @returns one for each shard; the first closes what they share
 *  @throws Error the database of `checkpoints` does not answer */
export async function openEachCheckpoints(options: readonly CheckpointOptions[]): Promise<Checkpoints[]> {
  const tables = options.map((each) => new CheckpointTable(each));
  const url = options[0]?.checkpoints ?? 'redis';
  if (url === 'redis') return tables.map((table) => new RedisCheckpoints(table));
  const { PostgresCheckpoints } = await import('./checkpoints/postgres-checkpoints.ts');
  return PostgresCheckpoints.open(tables, url);
}

/** As {@link openEachCheckpoints}, of one Redis. */
export async function openCheckpoints(options: CheckpointOptions): Promise<Checkpoints> {
  const [only] = await openEachCheckpoints([options]);
  return only as Checkpoints;
}
