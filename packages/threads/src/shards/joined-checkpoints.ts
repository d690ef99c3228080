import type { ThreadRef } from '@millrace/contracts';
import { byShard } from '@millrace/stream-log';
import type { Checkpoints } from '../checkpoints/ports.ts';
import { type CheckpointOptions, openEachCheckpoints } from '../open-checkpoints.ts';
import type { ThreadShards } from '../thread-shards.ts';

/** Opens the checkpoints of all shards, for the API.
 *  @param options one for each shard
 *  @throws Error the database of the checkpoints does not answer */
export async function openJoinedCheckpoints(
  options: readonly CheckpointOptions[],
  threadShards: ThreadShards,
): Promise<Checkpoints> {
  const parts = await openEachCheckpoints(options);
  const { shards } = threadShards;
  const of = (ref: ThreadRef) => threadShards.of(ref);
  return {
    ...byShard(parts, of, ['headOf', 'readState', 'history', 'jobsOfMessages', 'erase']),
    copy: async (from, to, place) => {
      const [source, target] = await Promise.all([of(from), of(to)]);
      return (parts[source] as Checkpoints).copy(from, to, { ...place, into: parts[target] as Checkpoints });
    },
    eraseStore: async (tenant) => {
      await shards.everywhere(parts, (part) => part.eraseStore(tenant));
    },
    close: async () => parts[0]?.close(),
  };
}
