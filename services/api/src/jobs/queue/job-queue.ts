import { idOf, type JobRef, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { FairQueue, RedisConnection } from '@millrace/stream-log';
import { getQueueToken } from '@nestjs/bullmq';
import { Inject, Injectable } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Metrics } from '../../health/metrics.ts';
import { FAIR_QUEUE, LOGGER, REDIS } from '../../tokens.ts';

/** Name of the queue, and of every entry in it; the worker has the same. */
export const QUEUE_NAME = 'jobs';
const ENTRY_NAME = 'generate';

interface QueuedJob {
  readonly ref: JobRef;
  /** 0 is first in line, then smaller is earlier; equal ones go by arrival. @see FairQueue */
  readonly priority: number;
}

/** Puts jobs into the queue that the workers take from. An entry carries the reference alone: the request is in the
 *  record. */
@Injectable()
export class JobQueue {
  constructor(
    @Inject(getQueueToken(QUEUE_NAME)) private readonly queue: Queue,
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.queue.on('error', (error) => this.logger.debug({ err: error }, 'queue connection'));
    this.fairQueue.onUnparked = (refs) => {
      // a job that is lost here is found by the sweep: it is neither parked nor queued any more
      this.enqueueAll(refs).catch((error: unknown) => this.logger.debug({ err: error }, 'not queued again'));
    };
  }

  /** Queues a job that was just taken in. */
  async accept(job: QueuedJob & { readonly pipeline: string }): Promise<void> {
    await this.enqueue(job);
    this.metrics.jobCreated(job.pipeline);
    this.logger.info({ requestId: idOf(job.ref), tenant: tenantOf(job.ref) }, 'accepted');
  }

  /** Queues a job; one that is in the queue already, or being worked on, stays as it is. */
  async enqueue({ ref, priority }: QueuedJob): Promise<void> {
    await this.queue.add(ENTRY_NAME, {}, { jobId: ref, priority, removeOnComplete: true, removeOnFail: true });
  }

  /** Queues jobs that no worker has had, each at its place. */
  async enqueueAll(refs: readonly JobRef[]): Promise<void> {
    await Promise.all(
      refs.map(async (ref) => this.enqueue({ ref, priority: await this.fairQueue.priorityOf({ ref, attempt: 0 }) })),
    );
  }

  /** Takes out a job that no worker has yet. */
  async remove(ref: JobRef): Promise<void> {
    await this.queue.remove(ref);
  }

  /** @returns those of the jobs that are in the queue in no state at all: an entry is removed when it ends */
  async missing(refs: readonly JobRef[]): Promise<JobRef[]> {
    const found = await Promise.all(refs.map((ref) => this.redis.exists(this.queue.toKey(ref))));
    return refs.filter((_, place) => found[place] === 0);
  }
}
