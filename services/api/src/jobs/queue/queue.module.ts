import type { RedisFactory } from '@millrace/runtime';
import type { KeySpace } from '@millrace/stream-log';
import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { HealthModule } from '../../health/health.module.ts';
import { KEYS, REDIS_FACTORY } from '../../tokens.ts';
import { JobQueue, QUEUE_NAME } from './job-queue.ts';

/** The producer of the queue: the only part of the API that knows BullMQ. */
@Module({
  imports: [
    HealthModule,
    BullModule.registerQueueAsync({
      name: QUEUE_NAME,
      inject: [REDIS_FACTORY, KEYS],
      useFactory: (factory: RedisFactory, keys: KeySpace) => ({
        connection: factory.connect('queue'),
        prefix: keys.queuePrefix,
        // nobody reads BullMQ's own events
        streams: { events: { maxLen: 100 } },
        // BullMQ asks Redis for its version once; without an answer the queue would never work again
        skipVersionCheck: true,
        // fail fast: a caller is waiting (law 12)
        skipWaitingForReady: true,
      }),
    }),
  ],
  providers: [JobQueue],
  exports: [JobQueue],
})
export class QueueModule {}
