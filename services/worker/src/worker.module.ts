import type { AttemptHook } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { AttemptModule } from './attempt/attempt.module.ts';
import { HealthController } from './health/health.controller.ts';
import { PipelinesModule } from './pipelines/pipelines.module.ts';
import { QueueModule } from './queue/queue.module.ts';
import { RedisModule } from './redis.module.ts';
import type { WorkerSettings } from './settings.ts';
import { ATTEMPT_HOOKS, LOGGER, SETTINGS } from './tokens.ts';

@Global()
@Module({})
class WorkerModule {}

/** The whole worker. */
export function workerModule(settings: WorkerSettings, logger: Logger, hooks: readonly AttemptHook[]): DynamicModule {
  return {
    module: WorkerModule,
    imports: [RedisModule, AttemptModule, PipelinesModule, QueueModule],
    controllers: [HealthController],
    providers: [
      { provide: SETTINGS, useValue: settings },
      { provide: LOGGER, useValue: logger },
      { provide: ATTEMPT_HOOKS, useValue: hooks },
    ],
    exports: [SETTINGS, LOGGER, ATTEMPT_HOOKS],
  };
}
