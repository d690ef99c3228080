import 'reflect-metadata';
import type { AttemptHook } from '@millrace/contracts';
import { type Logger, scriptLatency } from '@millrace/runtime';
import { claimPlaces, KeySpace, timeScripts } from '@millrace/stream-log';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { JobRunner } from './attempt/job-runner.ts';
import { WorkerMetrics } from './attempt/metrics.ts';
import { JobConsumers } from './queue/job-consumers.ts';
import type { WorkerSettings } from './settings.ts';
import type { WorkerShard } from './shards/worker-shard.ts';
import { WORKER_SHARDS } from './tokens.ts';
import { workerModule } from './worker.module.ts';

export interface RunningWorker extends Pick<JobRunner, 'blame' | 'accused'> {
  /** base URL of `/healthz`, `/readyz` and `/metrics`; null without a port */
  readonly healthUrl: string | null;
  /** Something has gone wrong in this process: its jobs count the close that follows as a loss of their worker. */
  crash(): void;
  /** Stops fetching, gives running jobs the grace time, hands over the rest, and closes every connection. */
  close(): Promise<void>;
}

/** Starts a worker. Resolves when it consumes: of several shards, one at least.
 *  @param hooks around every attempt; the first is the outermost
 *  @throws ShardMisplaced
 *  @throws PipelineModuleError, DuplicatePipeline a pipeline cannot be used */
export async function createWorker(
  settings: WorkerSettings,
  logger: Logger,
  hooks: readonly AttemptHook[] = [],
): Promise<RunningWorker> {
  const app = await NestFactory.create<NestFastifyApplication>(
    workerModule(settings, logger, hooks),
    // a scraper's idle keep-alive connection must not delay the shutdown
    new FastifyAdapter({ forceCloseConnections: true }),
    { logger: false, abortOnError: false },
  );
  const shards = app.get<readonly WorkerShard[]>(WORKER_SHARDS);
  await claimPlaces(
    shards.map(({ commands }) => commands),
    app.get(KeySpace),
  );
  const { MILLRACE_WORKER_HEALTH_PORT: port, HOST: host } = settings;
  if (port === undefined) await app.init();
  else {
    // without a port nobody reads it
    const observer = scriptLatency(app.get(WorkerMetrics).registry);
    for (const { commands } of shards) timeScripts(commands, observer);
    await app.listen(port, host);
  }
  const [runner, consumers] = [app.get(JobRunner), app.get(JobConsumers)];
  return {
    healthUrl: port === undefined ? null : await app.getUrl(),
    blame: (error, origin) => runner.blame(error, origin),
    accused: () => runner.accused(),
    crash: () => consumers.crash(),
    close: () => app.close(),
  };
}
