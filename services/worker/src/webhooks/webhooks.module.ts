import type { ArchivedJobs } from '@millrace/archive';
import type { Logger, RedisFactory } from '@millrace/runtime';
import { JobReader, KeySpace } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import type { WorkerSettings } from '../settings.ts';
import { ARCHIVED_JOBS, LOGGER, REDIS, SETTINGS } from '../tokens.ts';
import { WebhookConsumer } from './webhook-consumer.ts';
import { WebhookSender } from './webhook-sender.ts';

/** Sends webhooks, where the settings hold a secret to sign them with. */
@Module({
  providers: [
    {
      provide: WebhookConsumer,
      inject: [REDIS, KeySpace, JobReader, ARCHIVED_JOBS, SETTINGS, LOGGER],
      useFactory: consumerOf,
    },
  ],
})
export class WebhooksModule {}

function consumerOf(
  redis: RedisFactory,
  keys: KeySpace,
  reader: JobReader,
  archived: ArchivedJobs | null,
  settings: WorkerSettings,
  logger: Logger,
): WebhookConsumer | null {
  const { MILLRACE_WEBHOOK_SECRET: secret, MILLRACE_WEBHOOK_ALLOW: allowed } = settings;
  if (secret === undefined) return null;
  const sender = new WebhookSender({ reader, archived, secret, allowed });
  return new WebhookConsumer(sender, logger, { connection: redis.connect('blocking'), prefix: keys.queuePrefix });
}
