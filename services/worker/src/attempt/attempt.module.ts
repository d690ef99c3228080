import type { AttemptHook } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { AttemptStarter, CancelListener, FairQueue, TenantSlots } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { PipelinesModule } from '../pipelines/pipelines.module.ts';
import { PipelineRegistry } from '../pipelines/registry.ts';
import type { WorkerSettings } from '../settings.ts';
import { ATTEMPT_HOOKS, LOGGER, SETTINGS } from '../tokens.ts';
import { JobRunner } from './job-runner.ts';
import { WorkerMetrics } from './metrics.ts';

/** Runs jobs by reference, from record to log. Knows neither the queue nor LangChain. */
@Module({
  imports: [PipelinesModule],
  providers: [
    WorkerMetrics,
    {
      provide: JobRunner,
      inject: [
        AttemptStarter,
        FairQueue,
        TenantSlots,
        CancelListener,
        PipelineRegistry,
        WorkerMetrics,
        ATTEMPT_HOOKS,
        SETTINGS,
        LOGGER,
      ],
      useFactory: jobRunner,
    },
  ],
  exports: [JobRunner, WorkerMetrics],
})
export class AttemptModule {}

function jobRunner(
  starter: AttemptStarter,
  fairQueue: FairQueue,
  slots: TenantSlots,
  cancelListener: CancelListener,
  pipelines: PipelineRegistry,
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
  return new JobRunner({ starter, fairQueue, slots, cancelListener, pipelines, metrics, hooks, limits, retry, logger });
}
