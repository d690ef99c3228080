import { PRODUCER_OPTIONS, QUEUE_NAME } from '@millrace/contracts';
import type { RedisFactory } from '@millrace/runtime';
import type { KeySpace } from '@millrace/stream-log';
import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { HealthModule } from '../../health/health.module.ts';
import { KEYS, REDIS_FACTORY } from '../../tokens.ts';
import { JobQueue } from './job-queue.ts';
import { ShownQueues } from './shown-queues.ts';
import { WebhookQueue } from './webhook-queue.ts';

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
        ...PRODUCER_OPTIONS,
      }),
    }),
  ],
  providers: [JobQueue, WebhookQueue, ShownQueues],
  exports: [JobQueue, ShownQueues],
})
export class QueueModule {}
