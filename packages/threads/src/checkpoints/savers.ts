import type { BaseCheckpointSaver, BaseStore } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import type { RedisConnection } from '@millrace/stream-log';
import type { ThreadKeys } from '../thread-keys.ts';
import { type CheckpointLimits, CheckpointTable } from './checkpoint-table.ts';
import { headIn } from './head.ts';
import type { AttemptLease, AttemptLog, Head, Savers } from './ports.ts';
import { RedisSaver } from './redis-saver.ts';
import { RedisStore } from './redis-store.ts';

export { CheckpointsTooLarge, StoreFull, WrongThread } from './errors.ts';
export { RedisSaver } from './redis-saver.ts';
export { RedisStore } from './redis-store.ts';

export interface SaverOptions {
  /** `redis` */
  readonly checkpoints: string;
  readonly redis: RedisConnection;
  readonly keys: ThreadKeys;
  readonly limits: CheckpointLimits & {
    /** of a tenant's store */
    readonly maxStoreBytes: number;
  };
}

/** Opens what keeps the state of agents, for a worker: it waits while Redis is away. */
export async function openSavers(options: SaverOptions): Promise<Savers> {
  return new RedisSavers(options);
}

class RedisSavers implements Savers {
  readonly #table: CheckpointTable;

  constructor(readonly options: SaverOptions) {
    this.#table = new CheckpointTable({ ...options, patient: true });
  }

  forAttempt(lease: AttemptLease, log: AttemptLog): BaseCheckpointSaver {
    return new RedisSaver(this.#table, { lease, log });
  }

  storeOf(tenant: string): BaseStore {
    const { redis, keys, limits } = this.options;
    return new RedisStore({ redis, keys, tenant, maxBytes: limits.maxStoreBytes });
  }

  headOf(ref: ThreadRef): Promise<Head | null> {
    return headIn(this.#table, ref);
  }

  async close(): Promise<void> {
    // the connection is its owner's
  }
}
