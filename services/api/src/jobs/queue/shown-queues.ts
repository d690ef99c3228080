import { Inject, Injectable } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { JobQueues } from './job-queues.ts';
import { WebhookQueues } from './webhook-queues.ts';

/** The queues as BullMQ knows them, for operators to look at. */
@Injectable()
export class ShownQueues {
  constructor(
    @Inject(JobQueues) private readonly jobs: JobQueues,
    @Inject(WebhookQueues) private readonly webhooks: WebhookQueues,
  ) {}

  /** @returns those of each shard; of webhooks only where they are sent */
  all(): Queue[] {
    return [...this.jobs.parts.map(({ queue }) => queue), ...this.webhooks.queues];
  }
}
