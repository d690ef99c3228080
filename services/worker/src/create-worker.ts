import 'reflect-metadata';
import type { Logger } from '@millrace/runtime';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { WorkerSettings } from './settings.ts';
import { workerModule } from './worker.module.ts';

export interface RunningWorker {
  /** where `/healthz`, `/readyz` and `/metrics` are; null when no port was given */
  readonly healthUrl: string | null;
  /** Takes nothing new, gives running jobs the grace time, hands over the rest, and closes every connection. */
  close(): Promise<void>;
}

/** Starts a worker: resolves when it consumes.
 *  @throws PipelineModuleError, DuplicatePipeline a pipeline cannot be used */
export async function createWorker(settings: WorkerSettings, logger: Logger): Promise<RunningWorker> {
  const app = await NestFactory.create<NestFastifyApplication>(
    workerModule(settings, logger),
    // a scraper's idle keep-alive connection must not hold up the end
    new FastifyAdapter({ forceCloseConnections: true }),
    { logger: false, abortOnError: false },
  );
  const { MILLRACE_WORKER_HEALTH_PORT: port, HOST: host } = settings;
  if (port === undefined) await app.init();
  else await app.listen(port, host);
  return {
    healthUrl: port === undefined ? null : await app.getUrl(),
    close: () => app.close(),
  };
}
