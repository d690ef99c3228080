import type { Facade, Shards } from '@millrace/stream-log';
import type { UnlistedJobs } from './unlisted-jobs.ts';

/** @param parts one for each shard, whose sweep takes what is noted there */
export function joinedUnlistedJobs(parts: readonly UnlistedJobs[], shards: Shards): UnlistedJobs {
  const jobs: Facade<UnlistedJobs> = {
    note: (ref) => {
      const note = (shard: number) => parts[shard]?.note(ref);
      const shard = shards.ofJob(ref);
      if (typeof shard === 'number') note(shard);
      // a shard that does not answer: its callers ask again
      else shard.then(note, () => undefined);
    },
    removeOlderThan: (ms) => parts.flatMap((part) => part.removeOlderThan(ms)),
  };
  return jobs as UnlistedJobs;
}
