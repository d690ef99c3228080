import type { ArchivedJobs, HeldCopy } from '@millrace/archive';
import type { JobRef } from '@millrace/contracts';
import {
  type AbandonedJobs,
  byShard,
  type Facade,
  joinedCanceller,
  joinedCatalogue,
  joinedEraser,
  joinedFairQueue,
  joinedIdempotencyKeys,
  joinedLedger,
  joinedLimits,
  joinedOpener,
  joinedReader,
  joinedReports,
  joinedSlots,
  joinedSubscribers,
  joinedWebhookJobs,
  type KeySpace,
  ShardAway,
  type Shards,
  type UsageSettlement,
} from '@millrace/stream-log';
import {
  type Checkpoints,
  joinedThreadCatalogue,
  joinedThreads,
  joinedThreadTopics,
  openCheckpoints,
  openJoinedCheckpoints,
  type ThreadKeys,
  ThreadShards,
} from '@millrace/threads';
import type { ShardPorts } from './shard-ports.ts';

/** The ports that use cases have, whichever shard a job or a thread is in. */
export type JoinedPorts = Omit<
  ShardPorts,
  'redisFactory' | 'redis' | 'hub' | 'turn' | 'abandoned' | 'announcements' | 'census' | 'checkpointOptions'
> & { readonly abandoned: Pick<AbandonedJobs, 'remove'> };

interface Keys {
  readonly keys: KeySpace;
  readonly threadKeys: ThreadKeys;
}

/** @param parts one for each shard; of a single one they are the ports themselves */
export function joinedPorts(parts: readonly ShardPorts[], shards: Shards, { keys, threadKeys }: Keys): JoinedPorts {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const each = <Name extends keyof ShardPorts>(name: Name) => parts.map((part) => part[name]);
  const threadShards = new ThreadShards(shards, threadKeys);
  return {
    opener: joinedOpener(each('opener'), shards),
    reader: joinedReader(each('reader'), shards),
    eraser: joinedEraser(each('eraser'), shards),
    canceller: joinedCanceller(each('canceller'), shards),
    fairQueue: joinedFairQueue(each('fairQueue'), shards),
    catalogue: joinedCatalogue(each('catalogue'), shards),
    ledger: joinedLedger(each('ledger'), shards),
    settlement: joinedSettlement(each('settlement'), shards),
    webhookJobs: joinedWebhookJobs(each('webhookJobs'), shards),
    reports: joinedReports(each('reports'), shards),
    limits: joinedLimits(each('limits')),
    slots: joinedSlots(each('slots'), shards),
    idempotencyKeys: joinedIdempotencyKeys(each('idempotencyKeys'), shards, keys),
    subscribers: joinedSubscribers(each('subscribers'), shards),
    threadTopics: joinedThreadTopics(each('threadTopics'), threadShards),
    threads: joinedThreads(each('threads'), threadShards),
    threadCatalogue: joinedThreadCatalogue(each('threadCatalogue'), threadShards),
    abandoned: byShard(each('abandoned'), (ref: JobRef) => shards.ofJob(ref), ['remove']),
    archivedJobs: joinedArchivedJobs(each('archivedJobs'), shards),
  };
}

/** @throws Error the database of the checkpoints does not answer */
export function joinedCheckpoints(
  parts: readonly ShardPorts[],
  shards: Shards,
  threadKeys: ThreadKeys,
): Promise<Checkpoints> {
  const [only, ...others] = parts.map(({ checkpointOptions }) => checkpointOptions);
  if (only === undefined) throw new TypeError('there is no shard');
  if (others.length === 0) return openCheckpoints(only);
  return openJoinedCheckpoints([only, ...others], new ThreadShards(shards, threadKeys));
}

function joinedSettlement(parts: readonly UsageSettlement[], shards: Shards): UsageSettlement {
  const settlement: Facade<UsageSettlement> = {
    ...byShard(parts, (ref: JobRef) => shards.ofJob(ref), ['settle']),
    recorded: (job) => (parts[0] as UsageSettlement).recorded(job),
    sweep: async (page, options) => {
      const settled = await shards.everywhere(parts, (part) => part.sweep(page, options));
      return settled.reduce((all, count) => all + count, 0);
    },
  };
  return settlement as UsageSettlement;
}

/** One archive has the jobs of all shards; a job that is read again goes back to its own. */
function joinedArchivedJobs(parts: readonly (ArchivedJobs | null)[], shards: Shards): ArchivedJobs | null {
  const open = parts.filter((part) => part !== null);
  const [home] = open;
  if (home === undefined) return null;
  // where it may be put back: its record is gone then
  const atPlaces = async (ref: JobRef, call: (part: ArchivedJobs) => Promise<void>) => {
    for (const shard of shards.placesOfJob(ref)) await call(open[shard] as ArchivedJobs);
  };
  // what is erased is noted where the job may have been: of a shard that does not answer nothing may be shown
  const shown = async <Copy extends HeldCopy>(copies: readonly Copy[]) => {
    const hidden = new Set<Copy>();
    const away: number[] = [];
    const ask = async (part: ArchivedJobs, shard: number) => {
      const own = copies.filter(({ ref }) => shards.placesOfJob(ref).includes(shard));
      if (own.length === 0) return;
      const readable = shards.isUp(shard) ? await part.readable(own).catch(() => null) : null;
      if (readable === null) away.push(shard);
      for (const copy of own) if (!readable?.includes(copy)) hidden.add(copy);
    };
    await Promise.all(open.map(ask));
    return { items: copies.filter((copy) => !hidden.has(copy)), away };
  };
  return {
    ...byShard(open, (ref: JobRef) => shards.ofJob(ref), ['thaw']),
    beginErasure: (ref) => atPlaces(ref, (part) => part.beginErasure(ref)),
    abandonErasure: (ref) => atPlaces(ref, (part) => part.abandonErasure(ref)),
    erase: (ref) => atPlaces(ref, (part) => part.erase(ref)),
    holders: async (jobId, asker) => {
      const { items, away } = await shown(await home.allHolders(jobId, asker));
      // nobody may be told that there is no such job
      for (const shard of away) throw new ShardAway(shard);
      return items.map(({ ref }) => ref);
    },
    beginTenantErasure: async (tenant) => {
      await shards.everywhere(open, (part) => part.beginTenantErasure(tenant));
    },
    // none of these needs home: any shard may be away
    allHolders: (jobId, asker) => home.allHolders(jobId, asker),
    listAll: (query, asker) => home.listAll(query, asker),
    list: async (query, asker) => {
      const page = await home.listAll(query, asker);
      const { items, away } = await shown(page.items);
      return { ...page, items, isPartial: away.length > 0 || page.isPartial === true };
    },
    readable: async (copies) => (await shown(copies)).items,
    eraseTenant: async (tenant, eraseThawed) => {
      // all of them bar what the archive has, also if it is away
      await shards.everywhere(open, (part) => part.eraseTenant(tenant, eraseThawed));
    },
    get onAsked() {
      return home.onAsked;
    },
    set onAsked(told: ArchivedJobs['onAsked']) {
      for (const part of open) part.onAsked = told;
    },
  } satisfies Facade<ArchivedJobs> & Partial<ArchivedJobs> as unknown as ArchivedJobs;
}
