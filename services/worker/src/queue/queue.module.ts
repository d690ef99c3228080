import type { Logger, RedisFactory } from '@millrace/runtime';
import { AttemptStarter, CancelWatcher, FairQueue, KeySpace, TenantSlots } from '@millrace/stream-log';
import { BullModule } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import { JobRunner } from '../attempt/job-runner.ts';
import { WorkerMetrics } from '../attempt/metrics.ts';
import { PipelinesModule } from '../pipelines/pipelines.module.ts';
import { PipelineRegistry } from '../pipelines/registry.ts';
import type { WorkerSettings } from '../settings.ts';
import { LOGGER, REDIS, SETTINGS } from '../tokens.ts';
import { DRAIN_DELAY_SECONDS } from './consumer-options.ts';
import { ConsumingWorker } from './consuming-worker.ts';
import { JobConsumer, jobConsumer } from './job-consumer.ts';
import { producer, Requeuer } from './requeuer.ts';
import { SlotAnnouncer } from './slot-announcer.ts';

/** From the queue to the log: the only part that knows BullMQ. */
@Module({})
class GenerationModule {}

/** The part with these settings. */
export function generationModule(settings: WorkerSettings): DynamicModule {
  BullModule.workerClass = ConsumingWorker;
  return {
    module: GenerationModule,
    imports: [
      PipelinesModule,
      BullModule.forRootAsync({
        inject: [REDIS, KeySpace],
        useFactory: (redis: RedisFactory, keys: KeySpace) => ({
          connection: redis.connect('blocking', { maxBlockMs: DRAIN_DELAY_SECONDS * 1_000 }),
          prefix: keys.queuePrefix,
        }),
      }),
      // no queue: the worker only consumes
      BullModule.registerQueue(),
    ],
    providers: [
      WorkerMetrics,
      {
        provide: JobRunner,
        inject: [
          AttemptStarter,
          FairQueue,
          TenantSlots,
          CancelWatcher,
          PipelineRegistry,
          WorkerMetrics,
          SETTINGS,
          LOGGER,
        ],
        useFactory: jobRunner,
      },
      {
        provide: Requeuer,
        inject: [REDIS, KeySpace, FairQueue, TenantSlots, LOGGER],
        useFactory: (redis: RedisFactory, keys: KeySpace, fairQueue: FairQueue, slots: TenantSlots, logger: Logger) =>
          new Requeuer(producer(redis.connect('queue'), keys), fairQueue, slots, logger),
      },
      {
        provide: SlotAnnouncer,
        inject: [TenantSlots, SETTINGS, LOGGER],
        useFactory: (slots: TenantSlots, { MILLRACE_WORKER_CONCURRENCY: count }: WorkerSettings, logger: Logger) =>
          new SlotAnnouncer(slots, count, logger),
      },
      { provide: JobConsumer, useClass: jobConsumer(settings) },
    ],
    exports: [JobConsumer, WorkerMetrics],
  };
}

function jobRunner(
  starter: AttemptStarter,
  fairQueue: FairQueue,
  slots: TenantSlots,
  watcher: CancelWatcher,
  pipelines: PipelineRegistry,
  metrics: WorkerMetrics,
  settings: WorkerSettings,
  logger: Logger,
): JobRunner {
  const limits = {
    firstTokenMs: settings.MILLRACE_FIRST_TOKEN_TIMEOUT_MS,
    tokenGapMs: settings.MILLRACE_TOKEN_GAP_TIMEOUT_MS,
  };
  const retry = {
    retries: settings.MILLRACE_MODEL_RETRIES,
    minDelayMs: settings.MILLRACE_RETRY_MIN_DELAY_MS,
    maxDelayMs: settings.MILLRACE_RETRY_MAX_DELAY_MS,
  };
  return new JobRunner({ starter, fairQueue, slots, watcher, pipelines, metrics, limits, retry, logger });
}
