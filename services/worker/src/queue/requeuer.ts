import {
  ENTRY_OPTIONS,
  type JobRef,
  PRODUCER_OPTIONS,
  QUEUE_ENTRY_NAME,
  QUEUE_NAME,
  type ThreadRef,
} from '@millrace/contracts';
import type { Logger, RedisConnection } from '@millrace/runtime';
import type { FairQueue, KeySpace, TenantSlots } from '@millrace/stream-log';
import type { OnApplicationShutdown } from '@nestjs/common';
import { Queue } from 'bullmq';
import type { JobThreads } from '../attempt/job-threads.ts';

/** Creates the producer for entries that return to the queue. */
export function producer(connection: RedisConnection, keys: KeySpace): Queue {
  return new Queue(QUEUE_NAME, { connection, prefix: keys.queuePrefix, ...PRODUCER_OPTIONS });
}

/** Queues parked jobs again when their tenant has a free slot, and jobs whose turn has come in their thread. If this process
 *  dies in between, the job is nowhere: the API's sweep finds it. */
export class Requeuer implements OnApplicationShutdown {
  constructor(
    readonly queue: Queue,
    readonly fairQueue: FairQueue,
    readonly slots: TenantSlots,
    readonly threads: JobThreads,
    readonly logger: Logger,
  ) {
    queue.on('error', (error) => logger.debug({ err: error }, 'queue connection'));
    fairQueue.onUnparked = (refs) => this.#queueAll(refs);
    threads.onNext = (ref) => this.#queueAll([ref]);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.queue.close();
  }

  /** Parks a job whose queue entry has just completed, or queues it again if a slot has become free since.
   *  @param maxSlots that its tenant may hold */
  park(ref: JobRef, maxSlots: number): void {
    this.slots.park(ref, maxSlots).then(
      (isFree) => isFree && this.#queueAll([ref]),
      (error: unknown) => this.logger.debug({ err: error }, 'not parked'),
    );
  }

  /** Leaves a job to its thread, whose turn it has just waited for in vain, or queues it if its turn came meanwhile. */
  awaitTurn(ref: JobRef, thread: ThreadRef): void {
    this.threads.isNext(ref, thread).then(
      (isNext) => isNext && this.#queueAll([ref]),
      (error: unknown) => this.logger.debug({ err: error }, 'turn not known'),
    );
  }

  #queueAll(refs: readonly JobRef[]): void {
    Promise.all(refs.map((ref) => this.#queueOne(ref))).catch((error: unknown) => {
      this.logger.debug({ err: error }, 'not queued again');
    });
  }

  async #queueOne(ref: JobRef): Promise<void> {
    const priority = await this.fairQueue.priorityOf({ ref, attempt: 0 });
    await this.queue.add(QUEUE_ENTRY_NAME, {}, { jobId: ref, priority, ...ENTRY_OPTIONS });
  }
}
