import type { Logger } from '@millrace/runtime';
import { KeySpace, PipelineAnnouncements, type RedisConnection } from '@millrace/stream-log';
import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { COMMANDS, LOGGER, WORKER_ID } from '../tokens.ts';
import { PipelineAnnouncer } from './announcer.ts';
import { PipelinesModule } from './pipelines.module.ts';
import { PipelineRegistry } from './registry.ts';

/** Announces this worker's pipelines while it runs. */
@Module({
  imports: [PipelinesModule],
  providers: [
    {
      provide: PipelineAnnouncer,
      inject: [WORKER_ID, COMMANDS, KeySpace, PipelineRegistry, LOGGER],
      useFactory: (
        worker: string,
        redis: RedisConnection,
        keys: KeySpace,
        registry: PipelineRegistry,
        logger: Logger,
      ) => new PipelineAnnouncer(worker, new PipelineAnnouncements(redis, keys), registry.infos, logger),
    },
  ],
  exports: [PipelineAnnouncer],
})
export class AnnouncerModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(@Inject(PipelineAnnouncer) readonly announcer: PipelineAnnouncer) {}

  onApplicationBootstrap(): void {
    this.announcer.start();
  }

  onApplicationShutdown(): void {
    this.announcer.stop();
  }
}
