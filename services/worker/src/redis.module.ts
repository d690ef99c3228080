import { ArchivedJobs, type JobArchive, openArchive } from '@millrace/archive';
import { checkpointLimits, encryptionOptions, logLimits, thawLimits, threadLimits } from '@millrace/contracts';
import { type Logger, type RedisFactory, redisFactory, sendTogether } from '@millrace/runtime';
import {
  AttemptStarter,
  CancelListener,
  ChannelHub,
  ContentCipher,
  ErasedCopies,
  FairQueue,
  JobCanceller,
  JobReader,
  KeySpace,
  openContentCipher,
  ProcessReports,
  RawJobs,
  type RedisConnection,
  StoredBytes,
  TenantSlots,
  ThawedJobs,
  UsageLedger,
  WriteGate,
} from '@millrace/stream-log';
import { type Savers, ThreadKeys, Threads } from '@millrace/threads';
import { openSavers } from '@millrace/threads/savers';
import {
  type FactoryProvider,
  Global,
  Inject,
  type InjectionToken,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
import pRetry from 'p-retry';
import type { WorkerSettings } from './settings.ts';
import { ARCHIVE, ARCHIVED_JOBS, COMMANDS, CONTROL_HUB, LOGGER, REDIS, SAVERS, SETTINGS } from './tokens.ts';

/** Provides what sends commands on the worker's connection. */
function onCommands<T>(
  provide: InjectionToken,
  useFactory: (
    redis: RedisConnection,
    keys: KeySpace,
    settings: WorkerSettings,
    cipher: ContentCipher,
  ) => T | Promise<T>,
): FactoryProvider<T> {
  return { provide, inject: [COMMANDS, KeySpace, SETTINGS, ContentCipher], useFactory };
}

/** The Redis connections, and the worker's side of the stream log: it writes logs and never follows them. */
@Global()
@Module({
  providers: [
    {
      provide: REDIS,
      inject: [SETTINGS, LOGGER],
      useFactory: (settings: WorkerSettings, logger: Logger) =>
        redisFactory(settings.REDIS_URL, { name: 'millrace-worker', logger }),
    },
    { provide: COMMANDS, inject: [REDIS], useFactory: (redis: RedisFactory) => redis.connect('worker') },
    {
      provide: KeySpace,
      inject: [SETTINGS],
      useFactory: (settings: WorkerSettings) => new KeySpace(settings.MILLRACE_KEY_PREFIX),
    },
    {
      provide: CONTROL_HUB,
      inject: [REDIS],
      useFactory: (redis: RedisFactory) => new ChannelHub({ connection: redis.connect('subscriber'), sharded: false }),
    },
    {
      provide: ContentCipher,
      inject: [COMMANDS, KeySpace, SETTINGS, LOGGER],
      useFactory: (redis: RedisConnection, keys: KeySpace, settings: WorkerSettings, logger: Logger) =>
        openContentCipher(encryptionOptions(settings), redis, keys, logger),
    },
    onCommands(AttemptStarter, (redis, keys, settings, cipher) => {
      const together = (send: () => void) => sendTogether(redis, send);
      const gate = new WriteGate({ holdMs: settings.MILLRACE_APPEND_HOLD_MS, together });
      return new AttemptStarter(redis, keys, logLimits(settings), { cipher, gate });
    }),
    onCommands(FairQueue, (redis, keys, settings) => new FairQueue(redis, keys, logLimits(settings))),
    onCommands(
      TenantSlots,
      (redis, keys, settings) => new TenantSlots(redis, keys, settings.MILLRACE_MAX_ACTIVE_PER_TENANT ?? null),
    ),
    onCommands(ProcessReports, (redis, keys) => new ProcessReports(redis, keys)),
    onCommands(UsageLedger, (redis, keys) => new UsageLedger(redis, keys)),
    onCommands(JobReader, (redis, keys, _, cipher) => new JobReader(redis, keys, cipher)),
    onCommands(JobCanceller, (redis, keys, settings) => new JobCanceller(redis, keys, logLimits(settings))),
    {
      provide: ARCHIVE,
      inject: [SETTINGS],
      useFactory: ({ MILLRACE_ARCHIVE: url }: WorkerSettings) => (url === undefined ? null : openArchive(url)),
    },
    {
      provide: ARCHIVED_JOBS,
      inject: [ARCHIVE, COMMANDS, KeySpace, SETTINGS],
      useFactory: archivedJobs,
    },
    onCommands(SAVERS, (redis, keys, settings, cipher) =>
      openSavers({
        checkpoints: settings.MILLRACE_CHECKPOINTS,
        redis,
        storedBytes: new StoredBytes(redis, keys),
        keys: new ThreadKeys(settings.MILLRACE_KEY_PREFIX),
        limits: checkpointLimits(settings),
        cipher,
      }),
    ),
    onCommands(
      Threads,
      (redis, keys, settings, cipher) =>
        new Threads(
          redis,
          new ThreadKeys(settings.MILLRACE_KEY_PREFIX),
          new StoredBytes(redis, keys),
          threadLimits(settings),
          cipher,
        ),
    ),
    {
      provide: CancelListener,
      inject: [COMMANDS, CONTROL_HUB, KeySpace],
      useFactory: startCancelListener,
    },
  ],
  exports: [
    ...[REDIS, COMMANDS, KeySpace, CONTROL_HUB, AttemptStarter, FairQueue, TenantSlots, CancelListener],
    ...[JobReader, JobCanceller, Threads, SAVERS, UsageLedger, ProcessReports, ARCHIVE, ARCHIVED_JOBS],
  ],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(
    @Inject(REDIS) readonly redis: RedisFactory,
    @Inject(CancelListener) readonly cancelListener: CancelListener,
    @Inject(CONTROL_HUB) readonly hub: ChannelHub,
    @Inject(SAVERS) readonly savers: Savers,
    @Inject(ContentCipher) readonly cipher: ContentCipher,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    this.cancelListener.close();
    this.hub.close();
    await this.savers.close();
    this.cipher.close();
    this.redis.close();
  }
}

function archivedJobs(
  archive: JobArchive | null,
  redis: RedisConnection,
  keys: KeySpace,
  settings: WorkerSettings,
): ArchivedJobs | null {
  if (archive === null) return null;
  return new ArchivedJobs({
    archive,
    jobs: new RawJobs(redis, keys),
    thawed: new ThawedJobs(redis, keys, thawLimits(settings)),
    erasedCopies: new ErasedCopies(redis, keys),
  });
}

/** Subscribes to cancels before the worker takes its first job. A worker that starts before its Redis waits for it. */
async function startCancelListener(redis: RedisConnection, hub: ChannelHub, keys: KeySpace): Promise<CancelListener> {
  const cancelListener = new CancelListener(redis, hub, keys);
  await pRetry(() => cancelListener.start(), { retries: Number.POSITIVE_INFINITY, minTimeout: 250, maxTimeout: 1_000 });
  return cancelListener;
}
