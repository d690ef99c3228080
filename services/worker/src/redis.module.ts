import { type JobArchive, openArchive } from '@millrace/archive';
import { checkpointLimits, encryptionOptions } from '@millrace/contracts';
import { type Logger, redisUrlsOf } from '@millrace/runtime';
import {
  AttemptStarter,
  CancelListener,
  ContentCipher,
  FairQueue,
  JobCanceller,
  JobReader,
  joinedCancelListener,
  joinedCanceller,
  joinedFairQueue,
  joinedLedger,
  joinedReader,
  joinedSlots,
  joinedStarter,
  KeySpace,
  openContentCipher,
  Shards,
  StoredBytes,
  TenantSlots,
  UsageLedger,
} from '@millrace/stream-log';
import { joinedThreads, type Savers, ThreadKeys, ThreadShards, Threads } from '@millrace/threads';
import { openJoinedSavers, openSavers } from '@millrace/threads/savers';
import {
  type FactoryProvider,
  Global,
  Inject,
  type InjectionToken,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { WorkerSettings } from './settings.ts';
import { type ShardLink, shardLinks } from './shards/shard-link.ts';
import { type WorkerShard, workerShard } from './shards/worker-shard.ts';
import { ARCHIVE, LOGGER, SAVERS, SETTINGS, SHARD_LINKS, WORKER_SHARDS } from './tokens.ts';

/** Provides a port of the stream log: that of the only shard, or all of them as one.
 *  @param join sends each call to the shard that it belongs to */
function port<T>(
  provide: InjectionToken,
  of: (shard: WorkerShard) => T,
  join: (parts: readonly T[], shards: Shards) => T,
): FactoryProvider<T> {
  return {
    provide,
    inject: [WORKER_SHARDS, Shards],
    useFactory: (parts: readonly WorkerShard[], shards: Shards | null) =>
      shards === null ? of(parts[0] as WorkerShard) : join(parts.map(of), shards),
  };
}

/** The Redis connections, and the worker's side of the stream log. */
@Global()
@Module({
  providers: [
    { provide: SHARD_LINKS, inject: [SETTINGS, LOGGER], useFactory: shardLinks },
    {
      provide: KeySpace,
      inject: [SETTINGS],
      useFactory: (settings: WorkerSettings) => new KeySpace(settings.MILLRACE_KEY_PREFIX),
    },
    { provide: Shards, inject: [SHARD_LINKS, KeySpace, SETTINGS], useFactory: shardsOf },
    {
      provide: ThreadShards,
      inject: [Shards, SETTINGS],
      useFactory: (shards: Shards | null, settings: WorkerSettings) =>
        shards && new ThreadShards(shards, new ThreadKeys(settings.MILLRACE_KEY_PREFIX)),
    },
    { provide: ContentCipher, inject: [SHARD_LINKS, KeySpace, SETTINGS, LOGGER], useFactory: contentCipher },
    {
      provide: ARCHIVE,
      inject: [SETTINGS],
      useFactory: ({ MILLRACE_ARCHIVE: url }: WorkerSettings) => (url === undefined ? null : openArchive(url)),
    },
    {
      provide: WORKER_SHARDS,
      inject: [SHARD_LINKS, SETTINGS, KeySpace, ContentCipher, ARCHIVE, Shards],
      useFactory: workerShards,
    },
    port(AttemptStarter, ({ starter }) => starter, joinedStarter),
    port(CancelListener, ({ listener }) => listener.cancels, joinedCancelListener),
    port(FairQueue, ({ fairQueue }) => fairQueue, joinedFairQueue),
    port(TenantSlots, ({ slots }) => slots, joinedSlots),
    port(UsageLedger, ({ ledger }) => ledger, joinedLedger),
    port(JobReader, ({ reader }) => reader, joinedReader),
    port(JobCanceller, ({ canceller }) => canceller, joinedCanceller),
    {
      provide: Threads,
      inject: [WORKER_SHARDS, ThreadShards],
      useFactory: (parts: readonly WorkerShard[], threadShards: ThreadShards | null) => {
        const threads = parts.map((part) => part.threads);
        return threadShards === null ? threads[0] : joinedThreads(threads, threadShards);
      },
    },
    { provide: SAVERS, inject: [SHARD_LINKS, KeySpace, SETTINGS, ContentCipher, ThreadShards], useFactory: saversOf },
  ],
  exports: [
    ...[WORKER_SHARDS, Shards, KeySpace, AttemptStarter, CancelListener, FairQueue, TenantSlots, UsageLedger],
    ...[JobReader, JobCanceller, Threads, SAVERS, ARCHIVE],
  ],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(
    @Inject(WORKER_SHARDS) readonly shards: readonly WorkerShard[],
    @Inject(SAVERS) readonly savers: Savers,
    @Inject(ContentCipher) readonly cipher: ContentCipher,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    for (const { listener } of this.shards) listener.close();
    await this.savers.close();
    this.cipher.close();
    for (const { redis } of this.shards) redis.close();
  }
}

/** @returns null: there is one, and nothing to look for */
function shardsOf(links: readonly ShardLink[], keys: KeySpace, settings: WorkerSettings): Shards | null {
  if (links.length === 1) return null;
  const { generations } = redisUrlsOf(settings);
  const connections = links.map(({ commands, presence }) => ({
    get status() {
      return presence.isThere ? 'ready' : 'lost';
    },
    // a job that is looked for must not wait for one that is away
    exists: (key: string) => presence.unlessLost(() => commands.exists(key)),
  }));
  return new Shards({ connections, keys, generations, inUse: settings.MILLRACE_SHARDS_IN_USE });
}

/** The first shard has the data keys of all. */
function contentCipher(
  links: readonly ShardLink[],
  keys: KeySpace,
  settings: WorkerSettings,
  logger: Logger,
): Promise<ContentCipher> {
  const [home] = links as [ShardLink];
  const others = links.length === 1 ? {} : { isThere: () => home.presence.isThere };
  return openContentCipher(encryptionOptions(settings), home.commands, keys, logger, others);
}

function workerShards(
  links: readonly ShardLink[],
  settings: WorkerSettings,
  keys: KeySpace,
  cipher: ContentCipher,
  archive: JobArchive | null,
  shards: Shards | null,
): WorkerShard[] {
  return links.map((link) => workerShard(link, { settings, keys, cipher, archive, shards }));
}

function saversOf(
  links: readonly ShardLink[],
  keys: KeySpace,
  settings: WorkerSettings,
  cipher: ContentCipher,
  threadShards: ThreadShards | null,
): Promise<Savers> {
  const options = links.map(({ commands: redis }) => ({
    ...{ checkpoints: settings.MILLRACE_CHECKPOINTS, redis, cipher },
    storedBytes: new StoredBytes(redis, keys),
    keys: new ThreadKeys(settings.MILLRACE_KEY_PREFIX),
    limits: checkpointLimits(settings),
  }));
  const [only] = options as [(typeof options)[number]];
  return threadShards === null ? openSavers(only) : openJoinedSavers(options, threadShards);
}
