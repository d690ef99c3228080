import { ArchivedJobs, type JobArchive, openArchive } from '@millrace/archive';
import { checkpointLimits, encryptionOptions, logLimits, thawLimits, threadLimits } from '@millrace/contracts';
import type { Logger, RedisFactory } from '@millrace/runtime';

import {
  AbandonedJobs,
  ChannelHub,
  type ContentCipher,
  ErasedCopies,
  FairQueue,
  IdempotencyKeys,
  JobCanceller,
  JobCatalogue,
  JobEraser,
  JobOpener,
  JobReader,
  KeySpace,
  LimitDirectory,
  openContentCipher,
  ProcessReports,
  RawJobs,
  StoredBytes,
  StreamShares,
  Subscribers,
  TenantSlots,
  ThawedJobs,
  UsageLedger,
  UsageSettlement,
  WebhookJobs,
} from '@millrace/stream-log';
import {
  type Checkpoints,
  openCheckpoints,
  ThreadCatalogue,
  ThreadKeys,
  Threads,
  ThreadTopics,
  ThreadTurns,
} from '@millrace/threads';
import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Authenticator } from './auth/authenticator.ts';
import { StalledReaders } from './server/stalled-readers.ts';
import type { ApiSettings } from './settings.ts';
import {
  ABANDONED_JOBS,
  ARCHIVE,
  ARCHIVED_JOBS,
  CHECKPOINTS,
  CONTENT_CIPHER,
  FAIR_QUEUE,
  IDEMPOTENCY_KEYS,
  JOB_CANCELLER,
  JOB_CATALOGUE,
  JOB_ERASER,
  JOB_OPENER,
  JOB_READER,
  KEYS,
  LIMIT_DIRECTORY,
  LOGGER,
  PROCESS_REPORTS,
  REDIS,
  REDIS_FACTORY,
  SETTINGS,
  STREAM_SHARES,
  SUBSCRIBERS,
  TENANT_SLOTS,
  THREAD_CATALOGUE,
  THREAD_TOPICS,
  THREADS,
  USAGE_LEDGER,
  USAGE_SETTLEMENT,
  WEBHOOK_JOBS,
} from './tokens.ts';

/** What the process hands to the application. */
export interface ProcessContext {
  readonly settings: ApiSettings;
  readonly logger: Logger;
  readonly redisFactory: RedisFactory;
  readonly stalledReaders: StalledReaders;
  /** replaces the authenticator that the settings choose */
  readonly authenticator?: Authenticator | undefined;
}

/** Provides what the use cases need: the settings, the parts of @millrace/stream-log, and its connections to Redis. */
@Global()
@Module({})
export class PortsModule implements OnApplicationShutdown {
  constructor(
    @Inject(SUBSCRIBERS) private readonly subscribers: Subscribers,
    @Inject(THREAD_TOPICS) private readonly threadTopics: ThreadTopics,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(CONTENT_CIPHER) private readonly cipher: ContentCipher,
    @Inject(ARCHIVE) private readonly archive: JobArchive | null,
  ) {}

  /** @throws ContentUnreadable a master key is missing that wraps what Redis has */
  static async of({ settings, logger, redisFactory, stalledReaders }: ProcessContext): Promise<DynamicModule> {
    const limits = logLimits(settings);
    const redis = redisFactory.connect('command');
    const keys = new KeySpace(settings.MILLRACE_KEY_PREFIX);
    const hub = new ChannelHub({
      connection: redisFactory.connect('subscriber'),
      sharded: redisFactory.mode === 'cluster',
    });
    const cipher = await openContentCipher(encryptionOptions(settings), redis, keys, logger);
    const reader = new JobReader(redis, keys, cipher);
    const archives = settings.MILLRACE_ARCHIVE !== undefined;
    const archive = settings.MILLRACE_ARCHIVE === undefined ? null : await openArchive(settings.MILLRACE_ARCHIVE);
    const archivedJobs =
      archive === null
        ? null
        : new ArchivedJobs({
            ...{ archive, jobs: new RawJobs(redis, keys), erasedCopies: new ErasedCopies(redis, keys) },
            thawed: new ThawedJobs(redis, keys, thawLimits(settings)),
          });
    const ledger = new UsageLedger(redis, keys);
    const threadKeys = new ThreadKeys(settings.MILLRACE_KEY_PREFIX);
    const storedBytes = new StoredBytes(redis, keys);
    const threads = new Threads(redis, threadKeys, storedBytes, threadLimits(settings), cipher);
    const onUnreadable = (tenant: string) =>
      logger.warn({ tenant }, 'limits in Redis cannot be read: those known before stand');
    const ports = new Map<symbol | typeof StalledReaders, unknown>([
      [StalledReaders, stalledReaders],
      [SETTINGS, settings],
      [LOGGER, logger],
      [REDIS_FACTORY, redisFactory],
      [REDIS, redis],
      [KEYS, keys],
      [CONTENT_CIPHER, cipher],
      [JOB_OPENER, new JobOpener(redis, keys, limits, cipher)],
      [JOB_READER, reader],
      [JOB_ERASER, new JobEraser(redis, keys, { archives })],
      [ARCHIVE, archive],
      [ARCHIVED_JOBS, archivedJobs],
      [JOB_CANCELLER, new JobCanceller(redis, keys, limits)],
      [ABANDONED_JOBS, new AbandonedJobs(redis, keys)],
      [FAIR_QUEUE, new FairQueue(redis, keys, limits)],
      [JOB_CATALOGUE, new JobCatalogue(redis, keys, reader, { archives })],
      [USAGE_LEDGER, ledger],
      [USAGE_SETTLEMENT, new UsageSettlement(ledger, reader, settings.MILLRACE_MODEL_PRICES)],
      [WEBHOOK_JOBS, new WebhookJobs(redis, keys)],
      [PROCESS_REPORTS, new ProcessReports(redis, keys)],
      [LIMIT_DIRECTORY, new LimitDirectory(redis, keys, onUnreadable)],
      [STREAM_SHARES, new StreamShares(redis, keys, crypto.randomUUID())],
      [TENANT_SLOTS, new TenantSlots(redis, keys, settings.MILLRACE_MAX_ACTIVE_PER_TENANT ?? null)],
      [IDEMPOTENCY_KEYS, new IdempotencyKeys(redis, keys, limits)],
      [SUBSCRIBERS, new Subscribers(redis, hub, keys, cipher)],
      [THREAD_TOPICS, new ThreadTopics(new ThreadTurns(redis, threadKeys), hub)],
      [THREADS, threads],
      [THREAD_CATALOGUE, new ThreadCatalogue(redis, threadKeys, threads)],
    ]);
    const providers = [...ports].map(([provide, useValue]) => ({ provide, useValue }));
    const checkpoints = {
      provide: CHECKPOINTS,
      useFactory: () =>
        openCheckpoints({
          checkpoints: settings.MILLRACE_CHECKPOINTS,
          ...{ redis, keys: threadKeys, limits: checkpointLimits(settings), storedBytes, cipher },
        }),
    };
    return { module: PortsModule, providers: [...providers, checkpoints], exports: [...ports.keys(), CHECKPOINTS] };
  }

  async onApplicationShutdown(): Promise<void> {
    this.threadTopics.close();
    this.subscribers.close();
    this.subscribers.hub.close();
    await this.checkpoints.close();
    this.cipher.close();
    await this.archive?.close();
  }
}
