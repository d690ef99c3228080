import { type JobArchive, openArchive } from '@millrace/archive';
import { encryptionOptions } from '@millrace/contracts';
import { type Logger, type RedisFactory, redisUrlsOf } from '@millrace/runtime';
import {
  type ContentCipher,
  claimPlaces,
  KeySpace,
  openContentCipher,
  Shards,
  StreamShares,
} from '@millrace/stream-log';
import { type Checkpoints, ThreadKeys } from '@millrace/threads';
import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Authenticator } from './auth/authenticator.ts';
import { StalledReaders } from './server/stalled-readers.ts';
import type { ApiSettings } from './settings.ts';
import { joinedCheckpoints, joinedPorts } from './shards/joined-ports.ts';
import { openShard, type ShardPorts } from './shards/shard-ports.ts';
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
  SHARD_PORTS,
  SHARDS,
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
  /** one for each shard; the first is home to what belongs to the whole deployment */
  readonly redisFactories: readonly RedisFactory[];
  readonly stalledReaders: StalledReaders;
  /** replaces the authenticator that the settings choose */
  readonly authenticator?: Authenticator | undefined;
}

/** Provides what the use cases need: the settings, the parts of @millrace/stream-log, and its connections to Redis. */
@Global()
@Module({})
export class PortsModule implements OnApplicationShutdown {
  constructor(
    @Inject(SHARD_PORTS) private readonly parts: readonly ShardPorts[],
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(CONTENT_CIPHER) private readonly cipher: ContentCipher,
    @Inject(ARCHIVE) private readonly archive: JobArchive | null,
  ) {}

  /** @throws ShardMisplaced
   *  @throws ContentUnreadable a master key is missing that wraps what Redis has */
  static async of({ settings, logger, redisFactories, stalledReaders }: ProcessContext): Promise<DynamicModule> {
    const keys = new KeySpace(settings.MILLRACE_KEY_PREFIX);
    const threadKeys = new ThreadKeys(settings.MILLRACE_KEY_PREFIX);
    const opened = redisFactories.map((redisFactory) => ({ redisFactory, redis: redisFactory.connect('command') }));
    const [home] = opened;
    if (home === undefined) throw new TypeError('there is no shard');
    await claimPlaces(
      opened.map(({ redis }) => redis),
      keys,
    );
    const shards = new Shards({
      connections: opened.map(({ redis }) => redis),
      keys,
      generations: redisUrlsOf(settings).generations,
      inUse: settings.MILLRACE_SHARDS_IN_USE,
    });
    // other shards go on without the one that has the data keys
    const isThere = shards.count === 1 ? {} : { isThere: () => shards.isUp(0) };
    const cipher = await openContentCipher(encryptionOptions(settings), home.redis, keys, logger, isThere);
    const onIndexFailed = (err: unknown) => logger.warn({ err }, 'an index of the archive cannot be made');
    const archive =
      settings.MILLRACE_ARCHIVE === undefined ? null : await openArchive(settings.MILLRACE_ARCHIVE, { onIndexFailed });
    const context = { settings, logger, keys, threadKeys, cipher, archive, shards: shards.count };
    const parts = opened.map((each) => openShard({ ...context, ...each }));
    const joined = joinedPorts(parts, shards, { keys, threadKeys });
    const ports = new Map<symbol | typeof StalledReaders, unknown>([
      [StalledReaders, stalledReaders],
      [SETTINGS, settings],
      [LOGGER, logger],
      [SHARDS, shards],
      [SHARD_PORTS, parts],
      [REDIS_FACTORY, home.redisFactory],
      [REDIS, home.redis],
      [KEYS, keys],
      [CONTENT_CIPHER, cipher],
      [ARCHIVE, archive],
      [JOB_OPENER, joined.opener],
      [JOB_READER, joined.reader],
      [JOB_ERASER, joined.eraser],
      [ARCHIVED_JOBS, joined.archivedJobs],
      [JOB_CANCELLER, joined.canceller],
      [ABANDONED_JOBS, joined.abandoned],
      [FAIR_QUEUE, joined.fairQueue],
      [JOB_CATALOGUE, joined.catalogue],
      [USAGE_LEDGER, joined.ledger],
      [USAGE_SETTLEMENT, joined.settlement],
      [WEBHOOK_JOBS, joined.webhookJobs],
      [PROCESS_REPORTS, joined.reports],
      [LIMIT_DIRECTORY, joined.limits],
      [STREAM_SHARES, new StreamShares(home.redis, keys, crypto.randomUUID())],
      [TENANT_SLOTS, joined.slots],
      [IDEMPOTENCY_KEYS, joined.idempotencyKeys],
      [SUBSCRIBERS, joined.subscribers],
      [THREAD_TOPICS, joined.threadTopics],
      [THREADS, joined.threads],
      [THREAD_CATALOGUE, joined.threadCatalogue],
    ]);
    const providers = [...ports].map(([provide, useValue]) => ({ provide, useValue }));
    const checkpoints = { provide: CHECKPOINTS, useFactory: () => joinedCheckpoints(parts, shards, threadKeys) };
    return { module: PortsModule, providers: [...providers, checkpoints], exports: [...ports.keys(), CHECKPOINTS] };
  }

  async onApplicationShutdown(): Promise<void> {
    for (const { threadTopics, subscribers, hub } of this.parts) {
      threadTopics.close();
      subscribers.close();
      hub.close();
    }
    await this.checkpoints.close();
    this.cipher.close();
    await this.archive?.close();
  }
}
