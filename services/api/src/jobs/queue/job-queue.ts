import { ENTRY_OPTIONS, idOf, type JobRef, QUEUE_ENTRY_NAME, QUEUE_NAME, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { FairQueue, RedisConnection } from '@millrace/stream-log';
import { getQueueToken } from '@nestjs/bullmq';
import { Inject, Injectable } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Metrics } from '../../health/metrics.ts';
import { FAIR_QUEUE, LOGGER, REDIS } from '../../tokens.ts';

interface QueuedJob {
  readonly ref: JobRef;
  /** 0 goes first, then smaller is earlier; equal ones by arrival. @see FairQueue */
  readonly priority: number;
}

/** The queue that the workers consume. An entry carries the reference only; the request is in the record. */
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
      // the sweep finds a job that is lost here, because it is neither parked nor queued
      this.enqueueAll(refs).catch((error: unknown) => this.logger.debug({ err: error }, 'not queued again'));
    };
  }

  /** Queues a job that was just recorded. */
  async enqueueNew(job: QueuedJob & { readonly pipeline: string }): Promise<void> {
    await this.enqueue(job);
    this.metrics.jobCreated(job.pipeline);
    this.logger.info({ requestId: idOf(job.ref), tenant: tenantOf(job.ref) }, 'accepted');
  }

  /** Queues a job. A job that is queued or running stays as it is. */
  async enqueue({ ref, priority }: QueuedJob): Promise<void> {
    await this.queue.add(QUEUE_ENTRY_NAME, {}, { jobId: ref, priority, ...ENTRY_OPTIONS });
  }

  /** Queues jobs that no worker has started, each with its priority. */
  async enqueueAll(refs: readonly JobRef[]): Promise<void> {
    await Promise.all(
      refs.map(async (ref) => this.enqueue({ ref, priority: await this.fairQueue.priorityOf({ ref, attempt: 0 }) })),
    );
  }

  /** Removes a job that no worker has started. */
  async remove(ref: JobRef): Promise<void> {
    await this.queue.remove(ref);
  }

  /** @returns the jobs that have no entry in any state. An entry is removed when it ends */
  async missing(refs: readonly JobRef[]): Promise<JobRef[]> {
    const found = await Promise.all(refs.map((ref) => this.redis.exists(this.queue.toKey(ref))));
    return refs.filter((_, place) => found[place] === 0);
  }
}
