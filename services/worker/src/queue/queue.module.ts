import type { AttemptHook } from '@millrace/contracts';
import type { Logger, RedisFactory } from '@millrace/runtime';
import { KeySpace, TenantSlots } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { AloneJobs } from '../alone/alone-jobs.ts';
import { AttemptModule } from '../attempt/attempt.module.ts';
import { JobRunner } from '../attempt/job-runner.ts';
import { WorkerMetrics } from '../attempt/metrics.ts';
import type { WorkerSettings } from '../settings.ts';
import { ATTEMPT_HOOKS, LOGGER, REDIS, SETTINGS } from '../tokens.ts';
import { DRAIN_DELAY_SECONDS } from './consumer-options.ts';
import { JobConsumer } from './job-consumer.ts';
import { RequeuerModule } from './requeuer.module.ts';
import { Requeuer } from './requeuer.ts';
import { SlotAnnouncer } from './slot-announcer.ts';

/** Consumes the queue: the only part of the worker that knows BullMQ. */
@Module({
  imports: [AttemptModule, RequeuerModule],
  providers: [
    {
      provide: SlotAnnouncer,
      inject: [TenantSlots, SETTINGS, LOGGER],
      useFactory: (slots: TenantSlots, { MILLRACE_WORKER_CONCURRENCY: count }: WorkerSettings, logger: Logger) =>
        new SlotAnnouncer(slots, count, logger),
    },
    {
      provide: AloneJobs,
      inject: [ATTEMPT_HOOKS, WorkerMetrics, SETTINGS, LOGGER],
      useFactory: (hooks: readonly AttemptHook[], metrics: WorkerMetrics, settings: WorkerSettings, logger: Logger) =>
        new AloneJobs({
          ...{ hooks, metrics, logger },
          maxProcesses: settings.MILLRACE_WORKER_MAX_ALONE,
          lockMs: settings.MILLRACE_WORKER_LOCK_MS,
        }),
    },
    {
      provide: JobConsumer,
      inject: [REDIS, KeySpace, JobRunner, AloneJobs, Requeuer, SETTINGS, LOGGER],
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
  alone: AloneJobs,
  requeuer: Requeuer,
  settings: WorkerSettings,
  logger: Logger,
): JobConsumer {
  const connection = redis.connect('blocking', { maxBlockMs: DRAIN_DELAY_SECONDS * 1_000 });
  return new JobConsumer({ runner, alone, requeuer, settings, logger }, { connection, prefix: keys.queuePrefix });
}
