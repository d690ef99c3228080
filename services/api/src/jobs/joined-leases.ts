import type { Facade, Shards } from '@millrace/stream-log';
import { type DisconnectLease, type DisconnectLeases, NO_LEASE } from './disconnect-leases.ts';

/** The leases of all shards. Each has rounds of its own, so that the loss of one lets no other's jobs go, nor cancels them.
 *  @param parts one for each shard */
export function joinedLeases(parts: readonly DisconnectLeases[], shards: Shards): DisconnectLeases {
  const leases: Facade<DisconnectLeases> = {
    acquire: (job, options) => {
      if (job.onDisconnect !== 'cancel') return NO_LEASE;
      const acquired = (shard: number) => (parts[shard] as DisconnectLeases).acquire(job, options);
      const shard = shards.ofJob(job.ref);
      return typeof shard === 'number' ? acquired(shard) : onceKnown(shard.then(acquired));
    },
    onApplicationBootstrap: () => {
      for (const part of parts) part.onApplicationBootstrap();
    },
    onApplicationShutdown: async () => {
      await Promise.all(parts.map((part) => part.onApplicationShutdown()));
    },
  };
  return leases as DisconnectLeases;
}

/** A lease of a job whose shard is being looked for. If none answers, the job goes on. */
function onceKnown(known: Promise<DisconnectLease>): DisconnectLease {
  // until its reader leaves, nobody else looks
  known.catch(() => undefined);
  const told = (tell: (lease: DisconnectLease) => void) => () => {
    known.then(tell, () => undefined);
  };
  return {
    readerLost: told((lease) => lease.readerLost()),
    answered: told((lease) => lease.answered()),
    jobEnded: told((lease) => lease.jobEnded()),
  };
}
