import {
  ENTRY_OPTIONS,
  type JobRef,
  PRODUCER_OPTIONS,
  QUEUE_ENTRY_NAME,
  QUEUE_NAME,
  type ThreadRef,
} from '@millrace/contracts';
import type { Logger, RedisConnection } from '@millrace/runtime';
import type { FairQueue, KeySpace, Located, TenantSlots } from '@millrace/stream-log';
import type { OnApplicationShutdown } from '@nestjs/common';
import { Queue } from 'bullmq';
import type { JobThreads } from '../attempt/job-threads.ts';

/** Creates the producer for entries that return to the queue. */
export function producer(connection: RedisConnection, keys: KeySpace): Queue {
  return new Queue(QUEUE_NAME, { connection, prefix: keys.queuePrefix, ...PRODUCER_OPTIONS });
}

export interface RequeuerPorts {
  readonly queue: Queue;
  /** of the shard, like the queue and the slots */
  readonly fairQueue: FairQueue;
  readonly slots: TenantSlots;
  readonly threads: Pick<JobThreads, 'isNext'>;
  readonly logger: Logger;
}

/** Queues jobs of one shard again: parked ones when their tenant has a free slot, and others when their turn has come in their
 *  thread. If this process dies in between, the job is nowhere: the API's sweep finds it. */
export class Requeuer {
  constructor(readonly ports: RequeuerPorts) {
    const { queue, fairQueue, logger } = ports;
    queue.on('error', (error) => logger.debug({ err: error }, 'queue connection'));
    fairQueue.onUnparked = (refs) => this.queueAll(refs);
  }

  async close(): Promise<void> {
    await this.ports.queue.close();
  }

  /** Parks a job whose queue entry has just completed, or queues it again if a slot has become free since.
   *  @param maxSlots that its tenant may hold */
  park(ref: JobRef, maxSlots: number): void {
    const { slots, logger } = this.ports;
    slots.park(ref, maxSlots).then(
      (isFree) => isFree && this.queueAll([ref]),
      (error: unknown) => logger.debug({ err: error }, 'not parked'),
    );
  }

  /** Leaves a job to its thread, whose turn it has just waited for in vain, or queues it if its turn came meanwhile. */
  awaitTurn(ref: JobRef, thread: ThreadRef): void {
    const { threads, logger } = this.ports;
    threads.isNext(ref, thread).then(
      (isNext) => isNext && this.queueAll([ref]),
      (error: unknown) => logger.debug({ err: error }, 'turn not known'),
    );
  }

  queueAll(refs: readonly JobRef[]): void {
    Promise.all(refs.map((ref) => this.#queueOne(ref))).catch((error: unknown) => {
      this.ports.logger.debug({ err: error }, 'not queued again');
    });
  }

  async #queueOne(ref: JobRef): Promise<void> {
    const { queue, fairQueue } = this.ports;
    const priority = await fairQueue.priorityOf({ ref, attempt: 0 });
    await queue.add(QUEUE_ENTRY_NAME, {}, { jobId: ref, priority, ...ENTRY_OPTIONS });
  }
}

/** Those of all shards: the end of a job in one may be the turn of a job in another. */
export class Requeuers implements OnApplicationShutdown {
  /** @param parts one for each shard
   *  @param locate the shard of a job */
  constructor(
    readonly parts: readonly Requeuer[],
    threads: Pick<JobThreads, 'onNext'>,
    locate: (ref: JobRef) => Located,
    logger: Logger,
  ) {
    threads.onNext = (ref) => {
      Promise.resolve(locate(ref)).then(
        (shard) => parts[shard]?.queueAll([ref]),
        (error: unknown) => logger.debug({ err: error }, 'not queued: the shard of the next job is not known'),
      );
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.close()));
  }
}
