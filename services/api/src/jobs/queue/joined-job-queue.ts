import type { JobRef } from '@millrace/contracts';
import { byShard, type Facade, type Shards } from '@millrace/stream-log';
import type { JobQueue } from './job-queue.ts';

/** The queues of all shards: a job waits in that of its own.
 *  @param parts one for each shard */
export function joinedJobQueue(parts: readonly JobQueue[], shards: Shards): JobQueue {
  const [home] = parts as [JobQueue];
  const queue: Facade<JobQueue> = {
    ...byShard(parts, (ref: JobRef) => shards.ofJob(ref), ['enqueue', 'remove', 'erase']),
    accepted: (job) => home.accepted(job),
    enqueueAll: async (refs) => {
      await shards.divided(parts, refs, (part, own) => part.enqueueAll(own));
    },
    pause: async () => {
      await shards.everywhere(parts, (part) => part.pause());
    },
    resume: async () => {
      await shards.everywhere(parts, (part) => part.resume());
    },
    isPaused: async () => (await shards.gather(parts, (part) => part.isPaused())).results.some(Boolean),
    forgetErased: async () => {
      await shards.gather(parts, (part) => part.forgetErased());
    },
    missing: async (refs) => (await shards.divided(parts, refs, (part, own) => part.missing(own))).flat(),
    onApplicationShutdown: () => {
      for (const part of parts) part.onApplicationShutdown();
    },
  };
  return queue as JobQueue;
}
