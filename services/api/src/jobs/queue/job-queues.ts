import type { OnApplicationShutdown } from '@nestjs/common';
import type { JobQueue } from './job-queue.ts';

/** The queue of each shard. */
export class JobQueues implements OnApplicationShutdown {
  constructor(readonly parts: readonly JobQueue[]) {}

  async onApplicationShutdown(): Promise<void> {
    // that of home is Nest's
    await Promise.all(this.parts.slice(1).map(({ queue }) => queue.close()));
  }
}
