import type { JobRef } from '@millrace/contracts';
import type { CancelListener } from '../attempt/cancel-listener.ts';
import { byShard, type Facade } from './by-shard.ts';
import type { Shards } from './shards.ts';

/** Listens for attempts at jobs of any shard, whose places are known because they run here.
 *  @param parts one for each shard, each with a subscriber connection of its own */
export function joinedCancelListener(parts: readonly CancelListener[], shards: Shards): CancelListener {
  const listener: Facade<CancelListener> = {
    ...byShard(parts, (ref: JobRef) => shards.ofKnownJob(ref), ['listenFor']),
    start: async () => {
      await shards.everywhere(parts, (part) => part.start());
    },
    close: () => {
      for (const part of parts) part.close();
    },
  };
  return listener as CancelListener;
}
