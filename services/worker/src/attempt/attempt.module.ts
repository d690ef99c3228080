import type { AttemptHook } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import {
  AttemptStarter,
  CancelListener,
  FairQueue,
  JobCanceller,
  JobReader,
  TenantSlots,
  UsageLedger,
} from '@millrace/stream-log';
import { AttemptTracing } from '@millrace/telemetry';
import { type Savers, Threads } from '@millrace/threads';
import { Module } from '@nestjs/common';
import { PipelinesModule } from '../pipelines/pipelines.module.ts';
import { PipelineRegistry } from '../pipelines/registry.ts';
import type { WorkerSettings } from '../settings.ts';
import { ATTEMPT_HOOKS, LOGGER, SAVERS, SETTINGS } from '../tokens.ts';
import { JobRunner } from './job-runner.ts';
import { JobThreads } from './job-threads.ts';
import { WorkerMetrics } from './metrics.ts';

/** Runs jobs by reference, from record to log. Knows neither the queue nor LangChain. */
@Module({
  imports: [PipelinesModule],
  providers: [
    {
      provide: WorkerMetrics,
      inject: [SETTINGS],
      useFactory: (settings: WorkerSettings) => new WorkerMetrics(settings.MILLRACE_METRICS_TENANTS),
    },
    {
      provide: JobThreads,
      inject: [Threads, SAVERS, JobReader, JobCanceller, FairQueue, PipelineRegistry, LOGGER],
      useFactory: jobThreads,
    },
    {
      provide: JobRunner,
      inject: [
        AttemptStarter,
        FairQueue,
        TenantSlots,
        CancelListener,
        PipelineRegistry,
        JobThreads,
        UsageLedger,
        WorkerMetrics,
        ATTEMPT_HOOKS,
        SETTINGS,
        LOGGER,
      ],
      useFactory: jobRunner,
    },
  ],
  exports: [JobRunner, JobThreads, WorkerMetrics],
})
export class AttemptModule {}

function jobThreads(
  threads: Threads,
  savers: Savers,
  reader: JobReader,
  canceller: JobCanceller,
  fairQueue: FairQueue,
  pipelines: PipelineRegistry,
  logger: Logger,
): JobThreads {
  return new JobThreads({ threads, savers, reader, canceller, fairQueue, pipelines, logger });
}

function jobRunner(
  starter: AttemptStarter,
  fairQueue: FairQueue,
  slots: TenantSlots,
  cancelListener: CancelListener,
  pipelines: PipelineRegistry,
  threads: JobThreads,
  ledger: UsageLedger,
  metrics: WorkerMetrics,
  hooks: readonly AttemptHook[],
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
  const ports = {
    starter,
    fairQueue,
    slots,
    cancelListener,
    pipelines,
    threads,
    ledger,
    prices: settings.MILLRACE_MODEL_PRICES,
    metrics,
    // not around what runs alone: its own process traces it
    hooks: [new AttemptTracing({ withContent: settings.MILLRACE_TRACE_CONTENT }), ...hooks],
    limits,
    retry,
    logger,
  };
  return new JobRunner(ports);
}
