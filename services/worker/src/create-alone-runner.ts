import 'reflect-metadata';
import type { AttemptHook, AttemptInfo, AttemptResult } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { NestFactory } from '@nestjs/core';
import { type Counts, takeCounts } from './alone/counts.ts';
import type { AloneJob } from './alone/messages.ts';
import { JobRunner, type PickUpResult } from './attempt/job-runner.ts';
import { WorkerMetrics } from './attempt/metrics.ts';
import type { WorkerSettings } from './settings.ts';
import type { WorkerShard } from './shards/worker-shard.ts';
import { WORKER_SHARDS } from './tokens.ts';
import { aloneModule } from './worker.module.ts';

export interface AloneRunner extends Pick<JobRunner, 'blame' | 'accused' | 'drain'> {
  /** @param stopping aborts when the job must continue elsewhere
   *  @returns `attempt`: null if none began */
  run(
    job: AloneJob,
    stopping: AbortSignal,
  ): Promise<{ readonly pickUp: PickUpResult; readonly attempt: AttemptResult | null }>;
  /** @returns what the job has counted since this was last called */
  counts(): Promise<Counts>;
  /** Closes every connection. */
  close(): Promise<void>;
}

/** Starts what runs one job, without a queue.
 *  @param onBegin told of the attempt before it begins
 *  @throws PipelineModuleError, DuplicatePipeline a pipeline cannot be used */
export async function createAloneRunner(
  settings: WorkerSettings,
  logger: Logger,
  onBegin: (attempt: AttemptInfo) => Promise<void>,
): Promise<AloneRunner> {
  let ended: AttemptResult | null = null;
  const observer: AttemptHook = {
    around: async (attempt, next) => {
      // the agent may block the process at once, and whoever watches it must know where it stands
      await onBegin(attempt);
      ended = await next();
      return ended;
    },
  };
  const app = await NestFactory.createApplicationContext(aloneModule(settings, logger, [observer]), {
    logger: false,
    abortOnError: false,
  });
  const runner = app.get(JobRunner);
  const metrics = app.get(WorkerMetrics);
  return {
    blame: (error, origin) => runner.blame(error, origin),
    accused: () => runner.accused(),
    drain: (reason) => runner.drain(reason),
    run: async ({ ref, leaseToken, shard }, stopping) => {
      const own = app.get<readonly WorkerShard[]>(WORKER_SHARDS)[shard];
      using _place = own?.pin(ref);
      await own?.listener.confirmed;
      const pickUp = await runner.run(ref, leaseToken, stopping, { isAlone: true });
      if (pickUp.outcome === 'alone') throw new TypeError('begin.lua refused a job that runs alone');
      return { pickUp, attempt: ended };
    },
    counts: () => takeCounts(metrics),
    close: () => app.close(),
  };
}
