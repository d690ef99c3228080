import { ArchivedJobs, type JobArchive } from '@millrace/archive';
import { checkpointLimits, idOf, logLimits, tenantOf, thawLimits, threadLimits } from '@millrace/contracts';
import type { Logger, RedisFactory } from '@millrace/runtime';
import {
  AbandonedJobs,
  ChannelHub,
  type ContentCipher,
  ErasedCopies,
  FairQueue,
  IdempotencyKeys,
  JOB_FORMAT,
  JobCanceller,
  JobCatalogue,
  JobEraser,
  JobOpener,
  JobReader,
  type KeySpace,
  LimitDirectory,
  PipelineAnnouncements,
  ProcessReports,
  RawJobs,
  type RedisConnection,
  StoredBytes,
  StoredBytesCensus,
  Subscribers,
  SweepTurn,
  TenantSlots,
  ThawedJobs,
  UsageLedger,
  UsageSettlement,
  WebhookJobs,
} from '@millrace/stream-log';
import {
  type CheckpointOptions,
  THREAD_FORMAT,
  ThreadCatalogue,
  type ThreadKeys,
  Threads,
  ThreadTopics,
  ThreadTurns,
} from '@millrace/threads';
import type { ApiSettings } from '../settings.ts';

/** What one shard is opened with. */
export interface ShardContext {
  readonly settings: ApiSettings;
  readonly logger: Logger;
  readonly redisFactory: RedisFactory;
  readonly redis: RedisConnection;
  readonly keys: KeySpace;
  readonly threadKeys: ThreadKeys;
  /** of all shards */
  readonly cipher: ContentCipher;
  readonly archive: JobArchive | null;
  /** how many there are */
  readonly shards: number;
}

/** The ports of one shard: everything that is done in one deployment of Redis. */
export type ShardPorts = ReturnType<typeof openShard>;

/** Opens the ports of a shard, with a connection of their own for subscriptions. */
export function openShard(context: ShardContext) {
  const { settings, logger, redisFactory, redis, keys, threadKeys, cipher, archive } = context;
  const limits = logLimits(settings);
  const archives = archive !== null;
  const hub = new ChannelHub({
    connection: redisFactory.connect('subscriber'),
    sharded: redisFactory.mode === 'cluster',
  });
  const reader = new JobReader(redis, keys, cipher);
  const ledger = new UsageLedger(redis, keys);
  const storedBytes = new StoredBytes(redis, keys);
  const threads = new Threads(redis, threadKeys, storedBytes, threadLimits(settings), cipher);
  const archivedJobs =
    archive === null
      ? null
      : new ArchivedJobs({
          ...{ archive, jobs: new RawJobs(redis, keys), erasedCopies: new ErasedCopies(redis, keys) },
          thawed: new ThawedJobs(redis, keys, thawLimits(settings)),
          onUnreadable: (ref, err) =>
            logger.error({ tenant: tenantOf(ref), jobId: idOf(ref), err }, 'an archived job cannot be read'),
        });
  const onUnreadable = (tenant: string) =>
    logger.warn({ tenant }, 'limits in Redis cannot be read: those known before stand');
  return {
    redisFactory,
    redis,
    hub,
    opener: new JobOpener(redis, keys, limits, cipher),
    reader,
    eraser: new JobEraser(redis, keys, { archives }),
    canceller: new JobCanceller(redis, keys, limits),
    abandoned: new AbandonedJobs(redis, keys),
    fairQueue: new FairQueue(redis, keys, limits),
    turn: new SweepTurn(redis, keys, `${JOB_FORMAT}-${THREAD_FORMAT}`),
    catalogue: new JobCatalogue(redis, keys, reader, { archives }),
    ledger,
    settlement: new UsageSettlement(ledger, reader, settings.MILLRACE_MODEL_PRICES),
    webhookJobs: new WebhookJobs(redis, keys),
    reports: new ProcessReports(redis, keys),
    announcements: new PipelineAnnouncements(redis, keys),
    census: new StoredBytesCensus(redis, keys),
    limits: new LimitDirectory(redis, keys, onUnreadable),
    slots: new TenantSlots(redis, keys, settings.MILLRACE_MAX_ACTIVE_PER_TENANT ?? null, context.shards),
    idempotencyKeys: new IdempotencyKeys(redis, keys, limits),
    subscribers: new Subscribers(redis, hub, keys, {
      cipher,
      restore: archivedJobs && ((ref) => archivedJobs.thaw(ref)),
    }),
    threadTopics: new ThreadTopics(new ThreadTurns(redis, threadKeys), hub),
    threads,
    threadCatalogue: new ThreadCatalogue(redis, threadKeys, threads),
    checkpointOptions: {
      checkpoints: settings.MILLRACE_CHECKPOINTS,
      ...{ redis, keys: threadKeys, limits: checkpointLimits(settings), storedBytes, cipher },
    } satisfies CheckpointOptions,
    archivedJobs,
  };
}
