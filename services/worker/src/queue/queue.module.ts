import type { AttemptHook } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { KeySpace } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { AloneJobs } from '../alone/alone-jobs.ts';
import { AttemptModule } from '../attempt/attempt.module.ts';
import { JobRunner } from '../attempt/job-runner.ts';
import { WorkerMetrics } from '../attempt/metrics.ts';
import type { WorkerSettings } from '../settings.ts';
import type { WorkerShard } from '../shards/worker-shard.ts';
import { ATTEMPT_HOOKS, LOGGER, SETTINGS, WORKER_ID, WORKER_SHARDS } from '../tokens.ts';
import { DRAIN_DELAY_SECONDS } from './consumer-options.ts';
import { JobConsumer } from './job-consumer.ts';
import { JobConsumers } from './job-consumers.ts';
import { RequeuerModule } from './requeuer.module.ts';
import { type Requeuer, Requeuers } from './requeuer.ts';
import { SlotAnnouncer } from './slot-announcer.ts';
import { WorkerReporter } from './worker-reporter.ts';

/** Consumes the queues: the only part of the worker that knows BullMQ. */
@Module({
  imports: [AttemptModule, RequeuerModule],
  providers: [
    {
      provide: AloneJobs,
      inject: [ATTEMPT_HOOKS, WorkerMetrics, WORKER_SHARDS, SETTINGS, LOGGER],
      useFactory: (
        hooks: readonly AttemptHook[],
        metrics: WorkerMetrics,
        shards: readonly WorkerShard[],
        settings: WorkerSettings,
        logger: Logger,
      ) =>
        new AloneJobs({
          ...{ hooks, metrics, logger },
          maxProcesses: settings.MILLRACE_WORKER_MAX_ALONE,
          shards: shards.length,
          lockMs: settings.MILLRACE_WORKER_LOCK_MS,
        }),
    },
    {
      provide: JobConsumers,
      inject: [WORKER_ID, WORKER_SHARDS, KeySpace, JobRunner, AloneJobs, Requeuers, SETTINGS, LOGGER],
      useFactory: jobConsumers,
    },
    {
      provide: WorkerReporter,
      inject: [WORKER_ID, WORKER_SHARDS, JobRunner, JobConsumers, WorkerMetrics, LOGGER],
      useFactory: workerReporter,
    },
  ],
  exports: [JobConsumers],
})
export class QueueModule {}

function jobConsumers(
  worker: string,
  shards: readonly WorkerShard[],
  keys: KeySpace,
  runner: JobRunner,
  alone: AloneJobs,
  requeuers: Requeuers,
  settings: WorkerSettings,
  logger: Logger,
): JobConsumers {
  // a shard that is flooded, or away, must not have the slots of another
  const concurrency = Math.ceil(settings.MILLRACE_WORKER_CONCURRENCY / shards.length);
  const queues = shards.map((shard, place) => {
    const requeuer = requeuers.parts[place] as Requeuer;
    const connection = shard.redis.connect('blocking', { maxBlockMs: DRAIN_DELAY_SECONDS * 1_000 });
    const ports = { runner, alone, requeuer, shard, concurrency, settings, logger };
    return {
      shard,
      consumer: new JobConsumer(ports, { connection, prefix: keys.queuePrefix }),
      slots: new SlotAnnouncer(worker, shard.slots, concurrency, logger),
    };
  });
  return new JobConsumers({ queues, runner, alone, logger });
}

function workerReporter(
  worker: string,
  shards: readonly WorkerShard[],
  runner: JobRunner,
  consumers: JobConsumers,
  metrics: WorkerMetrics,
  logger: Logger,
): WorkerReporter {
  return new WorkerReporter({ worker, shards, runner, consumers, metrics, logger });
}
