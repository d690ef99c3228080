import { QUEUE_NAME } from '@millrace/contracts';
import { getQueueToken } from '@nestjs/bullmq';
import { Inject, Injectable } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { WebhookQueue } from './webhook-queue.ts';

/** The queues as BullMQ knows them, for operators to look at. */
@Injectable()
export class ShownQueues {
  constructor(
    @Inject(getQueueToken(QUEUE_NAME)) private readonly jobs: Queue,
    @Inject(WebhookQueue) private readonly webhooks: WebhookQueue,
  ) {}

  /** @returns that of webhooks only where they are sent */
  all(): Queue[] {
    return [this.jobs, this.webhooks.queue ?? []].flat();
  }
}
