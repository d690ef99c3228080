import { BaseStore, type Operation, type OperationResults } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import { byShard, type Located } from '@millrace/stream-log';
import type { ThreadShards } from '../thread-shards.ts';
import type { AttemptLease, Savers } from './ports.ts';
import { openEachSavers, type SaverOptions } from './savers.ts';

/** Opens what keeps the state of agents in all shards, for a worker.
 *  @param options one for each shard
 *  @throws Error the database of the checkpoints does not answer */
export async function openJoinedSavers(options: readonly SaverOptions[], threadShards: ThreadShards): Promise<Savers> {
  const parts = await openEachSavers(options);
  const inRedis = options[0]?.checkpoints === 'redis';
  const claimed = (lease: AttemptLease) => threadShards.ofClaimed(lease.ref);
  return {
    ...byShard(parts, (ref: ThreadRef) => threadShards.of(ref), ['headOf', 'forget']),
    forAttempt: (lease, log, signal) => (parts[claimed(lease)] as Savers).forAttempt(lease, log, signal),
    storeOf: (tenant, use = {}) => {
      const { lease } = use;
      const ofThread = lease === undefined ? 0 : claimed(lease);
      // a database has the stores of all; the claim is where the thread is
      if (!inRedis) return (parts[ofThread] as Savers).storeOf(tenant, use);
      return new LocatedStore(threadShards.ofStore(tenant), (shard) => {
        const claims = lease === undefined || shard === ofThread ? undefined : options[ofThread]?.redis;
        return (parts[shard] as Savers).storeOf(tenant, { ...use, claims });
      });
    },
    close: async () => parts[0]?.close(),
  };
}

/** A store whose shard may have to be looked for first. */
class LocatedStore extends BaseStore {
  readonly #store: Promise<BaseStore>;

  constructor(shard: Located, open: (shard: number) => BaseStore) {
    super();
    this.#store = Promise.resolve(shard).then(open);
    // whoever uses the store learns of it
    this.#store.catch(() => undefined);
  }

  override async batch<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    return (await this.#store).batch(operations);
  }
}
