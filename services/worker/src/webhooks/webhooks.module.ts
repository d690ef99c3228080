import type { Logger } from '@millrace/runtime';
import { KeySpace } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import type { WorkerSettings } from '../settings.ts';
import type { WorkerShard } from '../shards/worker-shard.ts';
import { LOGGER, SETTINGS, WORKER_SHARDS } from '../tokens.ts';
import { WebhookConsumer } from './webhook-consumer.ts';
import { WebhookSender } from './webhook-sender.ts';

/** Sends webhooks, where the settings hold a secret to sign them with. */
@Module({
  providers: [
    {
      provide: WebhookConsumer,
      inject: [WORKER_SHARDS, KeySpace, SETTINGS, LOGGER],
      useFactory: consumerOf,
    },
  ],
})
export class WebhooksModule {}

function consumerOf(
  shards: readonly WorkerShard[],
  keys: KeySpace,
  settings: WorkerSettings,
  logger: Logger,
): WebhookConsumer | null {
  const { MILLRACE_WEBHOOK_SECRET: secret, MILLRACE_WEBHOOK_ALLOW: allowed } = settings;
  if (secret === undefined) return null;
  const queues = shards.map(({ redis, reader, archived, presence }) => ({
    ...{ connection: redis.connect('blocking'), prefix: keys.queuePrefix, presence },
    sender: new WebhookSender({ reader, archived, secret, allowed }),
  }));
  return new WebhookConsumer(queues, logger);
}
