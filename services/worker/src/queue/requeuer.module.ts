import type { Logger, RedisFactory } from '@millrace/runtime';
import { FairQueue, KeySpace, TenantSlots } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { AttemptModule } from '../attempt/attempt.module.ts';
import { JobThreads } from '../attempt/job-threads.ts';
import { LOGGER, REDIS } from '../tokens.ts';
import { producer, Requeuer } from './requeuer.ts';

/** Queues jobs whose turn comes by the end of others: every process that ends jobs needs it. */
@Module({
  imports: [AttemptModule],
  providers: [
    {
      provide: Requeuer,
      inject: [REDIS, KeySpace, FairQueue, TenantSlots, JobThreads, LOGGER],
      useFactory: (
        redis: RedisFactory,
        keys: KeySpace,
        fairQueue: FairQueue,
        slots: TenantSlots,
        threads: JobThreads,
        logger: Logger,
      ) => new Requeuer(producer(redis.connect('queue'), keys), fairQueue, slots, threads, logger),
    },
  ],
  exports: [Requeuer],
})
export class RequeuerModule {}
