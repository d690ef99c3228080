import type { Logger } from '@millrace/runtime';
import type { RedisConnection } from '@millrace/stream-log';
import { getQueueToken } from '@nestjs/bullmq';
import { Inject, Injectable } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Metrics } from '../../health/metrics.ts';
import { LOGGER, REDIS } from '../../tokens.ts';

/** Name of the queue, and of every entry in it; the worker has the same. */
export const QUEUE_NAME = 'jobs';
const ENTRY_NAME = 'generate';

interface QueuedJob {
  readonly id: string;
  /** 0 is first in line, then smaller is earlier; equal ones go by arrival. @see JobIndex */
  readonly priority: number;
}

/** Puts jobs into the queue that the workers take from. An entry carries the id alone: the request is in the record. */
@Injectable()
export class JobQueue {
  constructor(
    @Inject(getQueueToken(QUEUE_NAME)) private readonly queue: Queue,
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.queue.on('error', (error) => this.logger.debug({ err: error }, 'queue connection'));
  }

  /** Queues a job that was just taken in. */
  async accept(job: QueuedJob & { readonly request: { readonly pipeline: string } }): Promise<void> {
    await this.enqueue(job);
    this.metrics.jobCreated(job.request.pipeline);
    this.logger.info({ requestId: job.id }, 'accepted');
  }

  /** Queues a job; one that is in the queue already, or being worked on, stays as it is. */
  async enqueue({ id, priority }: QueuedJob): Promise<void> {
    await this.queue.add(ENTRY_NAME, {}, { jobId: id, priority, removeOnComplete: true, removeOnFail: true });
  }

  /** Takes out a job that no worker has yet. */
  async remove(id: string): Promise<void> {
    await this.queue.remove(id);
  }

  /** @returns those of the ids that are in the queue in no state at all: an entry is removed when it ends */
  async missing(ids: readonly string[]): Promise<string[]> {
    const found = await Promise.all(ids.map((id) => this.redis.exists(this.queue.toKey(id))));
    return ids.filter((_, index) => found[index] === 0);
  }
}
