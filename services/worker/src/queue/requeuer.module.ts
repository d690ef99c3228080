import type { Logger } from '@millrace/runtime';
import { KeySpace, Shards } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { AttemptModule } from '../attempt/attempt.module.ts';
import { JobThreads } from '../attempt/job-threads.ts';
import type { WorkerShard } from '../shards/worker-shard.ts';
import { LOGGER, WORKER_SHARDS } from '../tokens.ts';
import { producer, Requeuer, Requeuers } from './requeuer.ts';

/** Queues jobs whose turn comes by the end of others: every process that ends jobs needs it. */
@Module({
  imports: [AttemptModule],
  providers: [
    {
      provide: Requeuers,
      inject: [WORKER_SHARDS, Shards, KeySpace, JobThreads, LOGGER],
      useFactory: (
        parts: readonly WorkerShard[],
        shards: Shards | null,
        keys: KeySpace,
        threads: JobThreads,
        logger: Logger,
      ) => {
        const requeuers = parts.map(
          ({ redis, fairQueue, slots }) =>
            new Requeuer({ queue: producer(redis.connect('queue'), keys), fairQueue, slots, threads, logger }),
        );
        return new Requeuers(requeuers, threads, (ref) => shards?.ofJob(ref) ?? 0, logger);
      },
    },
  ],
  exports: [Requeuers],
})
export class RequeuerModule {}
