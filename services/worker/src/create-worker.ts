import 'reflect-metadata';
import type { AttemptHook } from '@millrace/contracts';
import { type Logger, scriptLatency } from '@millrace/runtime';
import { type RedisConnection, timeScripts } from '@millrace/stream-log';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { JobRunner } from './attempt/job-runner.ts';
import { WorkerMetrics } from './attempt/metrics.ts';
import { JobConsumer } from './queue/job-consumer.ts';
import type { WorkerSettings } from './settings.ts';
import { COMMANDS } from './tokens.ts';
import { workerModule } from './worker.module.ts';

export interface RunningWorker extends Pick<JobRunner, 'blame' | 'accused'> {
  /** base URL of `/healthz`, `/readyz` and `/metrics`; null without a port */
  readonly healthUrl: string | null;
  /** Something has gone wrong in this process: its jobs count the close that follows as a loss of their worker. */
  crash(): void;
  /** Stops fetching, gives running jobs the grace time, hands over the rest, and closes every connection. */
  close(): Promise<void>;
}

/** Starts a worker. Resolves when it consumes.
 *  @param hooks around every attempt; the first is the outermost
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
  const { MILLRACE_WORKER_HEALTH_PORT: port, HOST: host } = settings;
  if (port === undefined) await app.init();
  else {
    // without a port nobody reads it
    timeScripts(app.get<RedisConnection>(COMMANDS), scriptLatency(app.get(WorkerMetrics).registry));
    await app.listen(port, host);
  }
  const [runner, consumer] = [app.get(JobRunner), app.get(JobConsumer)];
  return {
    healthUrl: port === undefined ? null : await app.getUrl(),
    blame: (error, origin) => runner.blame(error, origin),
    accused: () => runner.accused(),
    crash: () => consumer.crash(),
    close: () => app.close(),
  };
}
