import { PRODUCER_OPTIONS, QUEUE_NAME } from '@millrace/contracts';
import type { Logger, RedisFactory } from '@millrace/runtime';
import type { KeySpace, Shards } from '@millrace/stream-log';
import { BullModule, getQueueToken } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { Queue, type QueueOptions } from 'bullmq';
import { HealthModule } from '../../health/health.module.ts';
import { Metrics } from '../../health/metrics.ts';
import type { ShardPorts } from '../../shards/shard-ports.ts';
import { KEYS, LOGGER, REDIS_FACTORY, SHARD_PORTS, SHARDS } from '../../tokens.ts';
import { JobQueue } from './job-queue.ts';
import { JobQueues } from './job-queues.ts';
import { joinedJobQueue } from './joined-job-queue.ts';
import { ShownQueues } from './shown-queues.ts';
import { WebhookQueues } from './webhook-queues.ts';

/** The producers of the queues: the only part of the API that knows BullMQ. */
@Module({
  imports: [
    HealthModule,
    BullModule.registerQueueAsync({
      name: QUEUE_NAME,
      inject: [REDIS_FACTORY, KEYS],
      useFactory: queueOptions,
    }),
  ],
  providers: [
    {
      provide: JobQueues,
      inject: [getQueueToken(QUEUE_NAME), SHARD_PORTS, KEYS, Metrics, LOGGER],
      useFactory: jobQueues,
    },
    {
      provide: JobQueue,
      inject: [JobQueues, SHARDS],
      useFactory: ({ parts }: JobQueues, shards: Shards) =>
        parts.length === 1 ? parts[0] : joinedJobQueue(parts, shards),
    },
    WebhookQueues,
    ShownQueues,
  ],
  exports: [JobQueue, JobQueues, ShownQueues],
})
export class QueueModule {}

function queueOptions(factory: RedisFactory, keys: KeySpace): QueueOptions {
  return { connection: factory.connect('queue'), prefix: keys.queuePrefix, ...PRODUCER_OPTIONS };
}

/** @param home the queue of the first shard */
function jobQueues(
  home: Queue,
  shards: readonly ShardPorts[],
  keys: KeySpace,
  metrics: Metrics,
  logger: Logger,
): JobQueues {
  const queues = shards.map(({ redisFactory }, shard) =>
    shard === 0 ? home : new Queue(QUEUE_NAME, queueOptions(redisFactory, keys)),
  );
  return new JobQueues(
    shards.map(({ redis, fairQueue }, shard) => {
      return new JobQueue({ queue: queues[shard] as Queue, redis, fairQueue, metrics, logger });
    }),
  );
}
