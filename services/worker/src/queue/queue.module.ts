import type { AttemptHook } from '@millrace/contracts';
import type { Logger, RedisFactory } from '@millrace/runtime';
import { KeySpace, ProcessReports, TenantSlots } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { AloneJobs } from '../alone/alone-jobs.ts';
import { AttemptModule } from '../attempt/attempt.module.ts';
import { JobRunner } from '../attempt/job-runner.ts';
import { WorkerMetrics } from '../attempt/metrics.ts';
import type { WorkerSettings } from '../settings.ts';
import { ATTEMPT_HOOKS, LOGGER, REDIS, SETTINGS, WORKER_ID } from '../tokens.ts';
import { DRAIN_DELAY_SECONDS } from './consumer-options.ts';
import { JobConsumer } from './job-consumer.ts';
import { RequeuerModule } from './requeuer.module.ts';
import { Requeuer } from './requeuer.ts';
import { SlotAnnouncer } from './slot-announcer.ts';
import { WorkerReporter } from './worker-reporter.ts';

/** Consumes the queue: the only part of the worker that knows BullMQ. */
@Module({
  imports: [AttemptModule, RequeuerModule],
  providers: [
    {
      provide: SlotAnnouncer,
      inject: [WORKER_ID, TenantSlots, SETTINGS, LOGGER],
      useFactory: (
        worker: string,
        slots: TenantSlots,
        { MILLRACE_WORKER_CONCURRENCY: count }: WorkerSettings,
        logger: Logger,
      ) => new SlotAnnouncer(worker, slots, count, logger),
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
    {
      provide: WorkerReporter,
      inject: [WORKER_ID, ProcessReports, JobRunner, JobConsumer, SlotAnnouncer, WorkerMetrics, LOGGER],
      useFactory: workerReporter,
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

function workerReporter(
  worker: string,
  reports: ProcessReports,
  runner: JobRunner,
  consumer: JobConsumer,
  slots: SlotAnnouncer,
  metrics: WorkerMetrics,
  logger: Logger,
): WorkerReporter {
  return new WorkerReporter({ worker, reports, runner, consumer, slots, metrics, logger });
}
