import type { Logger, RedisFactory } from '@millrace/runtime';
import { FairQueue, KeySpace, TenantSlots } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { AttemptModule } from '../attempt/attempt.module.ts';
import { JobRunner } from '../attempt/job-runner.ts';
import { JobThreads } from '../attempt/job-threads.ts';
import type { WorkerSettings } from '../settings.ts';
import { LOGGER, REDIS, SETTINGS } from '../tokens.ts';
import { DRAIN_DELAY_SECONDS } from './consumer-options.ts';
import { JobConsumer } from './job-consumer.ts';
import { producer, Requeuer } from './requeuer.ts';
import { SlotAnnouncer } from './slot-announcer.ts';

/** Consumes the queue: the only part of the worker that knows BullMQ. */
@Module({
  imports: [AttemptModule],
  providers: [
    {
      provide: Requeuer,
      inject: [REDIS, KeySpace, FairQueue, TenantSlots, JobThreads, LOGGER],
      useFactory: (
        redis: RedisFactory,
        keys: KeySpace,
        fairQueue: FairQueue,
        slots: TenantSlots,
        threads: JobThreads,
        logger: Logger,
      ) => new Requeuer(producer(redis.connect('queue'), keys), fairQueue, slots, threads, logger),
    },
    {
      provide: SlotAnnouncer,
      inject: [TenantSlots, SETTINGS, LOGGER],
      useFactory: (slots: TenantSlots, { MILLRACE_WORKER_CONCURRENCY: count }: WorkerSettings, logger: Logger) =>
        new SlotAnnouncer(slots, count, logger),
    },
    {
      provide: JobConsumer,
      inject: [REDIS, KeySpace, JobRunner, Requeuer, SETTINGS, LOGGER],
      useFactory: jobConsumer,
    },
  ],
  exports: [JobConsumer],
})
export class QueueModule {}

function jobConsumer(
  redis: RedisFactory,
  keys: KeySpace,
  runner: JobRunner,
  requeuer: Requeuer,
  settings: WorkerSettings,
  logger: Logger,
): JobConsumer {
  const connection = redis.connect('blocking', { maxBlockMs: DRAIN_DELAY_SECONDS * 1_000 });
  return new JobConsumer({ runner, requeuer, settings, logger }, { connection, prefix: keys.queuePrefix });
}
