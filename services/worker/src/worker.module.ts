import { randomUUID } from 'node:crypto';
import type { AttemptHook } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { ArchiveModule } from './archive/archive.module.ts';
import { AttemptModule } from './attempt/attempt.module.ts';
import { HealthController } from './health/health.controller.ts';
import { AnnouncerModule } from './pipelines/announcer.module.ts';
import { PipelinesModule } from './pipelines/pipelines.module.ts';
import { QueueModule } from './queue/queue.module.ts';
import { RequeuerModule } from './queue/requeuer.module.ts';
import { RedisModule } from './redis.module.ts';
import type { WorkerSettings } from './settings.ts';
import { ATTEMPT_HOOKS, LOGGER, SETTINGS, WORKER_ID } from './tokens.ts';
import { WebhooksModule } from './webhooks/webhooks.module.ts';

@Global()
@Module({})
class WorkerModule {}

/** The whole worker. */
export function workerModule(settings: WorkerSettings, logger: Logger, hooks: readonly AttemptHook[]): DynamicModule {
  return {
    ...common(settings, logger, hooks),
    imports: [RedisModule, AttemptModule, PipelinesModule, AnnouncerModule, QueueModule, WebhooksModule, ArchiveModule],
    controllers: [HealthController],
  };
}

/** What runs jobs, without the queue that they come from. */
export function aloneModule(settings: WorkerSettings, logger: Logger, hooks: readonly AttemptHook[]): DynamicModule {
  return { ...common(settings, logger, hooks), imports: [RedisModule, AttemptModule, PipelinesModule, RequeuerModule] };
}

function common(settings: WorkerSettings, logger: Logger, hooks: readonly AttemptHook[]): DynamicModule {
  return {
    module: WorkerModule,
    providers: [
      { provide: SETTINGS, useValue: settings },
      { provide: LOGGER, useValue: logger },
      { provide: WORKER_ID, useValue: randomUUID() },
      { provide: ATTEMPT_HOOKS, useValue: hooks },
    ],
    exports: [SETTINGS, LOGGER, WORKER_ID, ATTEMPT_HOOKS],
  };
}
