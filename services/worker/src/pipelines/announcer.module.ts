import type { Logger } from '@millrace/runtime';
import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { WorkerShard } from '../shards/worker-shard.ts';
import { LOGGER, WORKER_ID, WORKER_SHARDS } from '../tokens.ts';
import { PipelineAnnouncer } from './announcer.ts';
import { PipelinesModule } from './pipelines.module.ts';
import { PipelineRegistry } from './registry.ts';

/** Announces this worker's pipelines while it runs. */
@Module({
  imports: [PipelinesModule],
  providers: [
    {
      provide: PipelineAnnouncer,
      inject: [WORKER_ID, WORKER_SHARDS, PipelineRegistry, LOGGER],
      useFactory: (worker: string, shards: readonly WorkerShard[], registry: PipelineRegistry, logger: Logger) => {
        const announcements = shards.map((shard) => shard.announcements);
        return new PipelineAnnouncer(worker, announcements, registry.infos, logger);
      },
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
