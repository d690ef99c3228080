import type { RedisConnection } from '@millrace/stream-log';
import { type CheckpointLimits, CheckpointTable } from './checkpoints/checkpoint-table.ts';
import type { Checkpoints } from './checkpoints/ports.ts';
import { RedisCheckpoints } from './checkpoints/redis-checkpoints.ts';
import type { ThreadKeys } from './thread-keys.ts';

export interface CheckpointOptions {
  /** `redis` */
  readonly checkpoints: string;
  readonly redis: RedisConnection;
  readonly keys: ThreadKeys;
  readonly limits: CheckpointLimits;
}

/** Opens the checkpoints of agents for the API, which passes an error of Redis on at once. */
export async function openCheckpoints(options: CheckpointOptions): Promise<Checkpoints> {
  return new RedisCheckpoints(new CheckpointTable(options));
}
