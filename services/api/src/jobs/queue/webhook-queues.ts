import type { Logger } from '@millrace/runtime';
import type { KeySpace } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { ApiSettings } from '../../settings.ts';
import type { ShardPorts } from '../../shards/shard-ports.ts';
import { KEYS, LOGGER, SETTINGS, SHARD_PORTS } from '../../tokens.ts';
import { WebhookQueue } from './webhook-queue.ts';

/** The queue of webhooks of each shard. */
@Injectable()
export class WebhookQueues implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #parts: readonly WebhookQueue[];

  constructor(
    @Inject(SHARD_PORTS) shards: readonly ShardPorts[],
    @Inject(KEYS) keys: KeySpace,
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#parts = shards.map(({ redisFactory: redis, webhookJobs: jobs, reader }) => {
      return new WebhookQueue({ redis, keys, jobs, reader, settings, logger });
    });
  }

  /** empty: this deployment sends no webhooks */
  get queues(): Queue[] {
    return this.#parts.flatMap(({ queue }) => queue ?? []);
  }

  onApplicationBootstrap(): void {
    for (const part of this.#parts) part.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.close()));
  }
}
