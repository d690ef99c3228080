import { ENTRY_OPTIONS, idOf, type JobRef, QUEUE_ENTRY_NAME, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { FairQueue, RedisConnection } from '@millrace/stream-log';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Metrics } from '../../health/metrics.ts';

/** The most erased jobs that are remembered until their workers have let go. */
const MAX_HELD = 10_000;

/** How long a worker may take to let go of a job that was cancelled and erased, milliseconds. */
const LET_GO_MS = 1_500;

interface QueuedJob {
  readonly ref: JobRef;
  /** 0 goes first, then smaller is earlier; equal ones by arrival. @see FairQueue */
  readonly priority: number;
  /** how long no worker may take it, milliseconds; left out: not at all */
  readonly delayMs?: number;
}

export interface JobQueuePorts {
  readonly queue: Queue;
  readonly redis: RedisConnection;
  readonly fairQueue: FairQueue;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** The queue that the workers consume. An entry carries the reference only; the request is in the record. */
export class JobQueue implements OnApplicationShutdown {
  #forgetting: NodeJS.Timeout | null = null;
  /** erased jobs that a worker has, or had when it died */
  readonly #held = new Set<JobRef>();

  constructor(private readonly ports: JobQueuePorts) {
    const { fairQueue } = ports;
    this.queue.on('error', (error) => this.ports.logger.debug({ err: error }, 'queue connection'));
    fairQueue.onUnparked = (refs) => {
      // the sweep finds a job that is lost here, because it is neither parked nor queued
      this.enqueueAll(refs).catch((error: unknown) => this.ports.logger.debug({ err: error }, 'not queued again'));
    };
  }

  /** As BullMQ knows it. */
  get queue(): Queue {
    return this.ports.queue;
  }

  /** Counts and logs a job that was just recorded. */
  accepted({ ref, pipeline }: { readonly ref: JobRef; readonly pipeline: string }): void {
    this.ports.metrics.jobCreated(pipeline);
    this.ports.logger.info({ requestId: idOf(ref), tenant: tenantOf(ref) }, 'accepted');
  }

  /** Queues a job. A job that is queued or running stays as it is. */
  async enqueue({ ref, priority, delayMs = 0 }: QueuedJob): Promise<void> {
    await this.queue.add(QUEUE_ENTRY_NAME, {}, { jobId: ref, priority, delay: delayMs, ...ENTRY_OPTIONS });
  }

  /** Queues jobs that no worker has started, each with its priority. */
  async enqueueAll(refs: readonly JobRef[]): Promise<void> {
    await Promise.all(
      refs.map(async (ref) =>
        this.enqueue({ ref, priority: await this.ports.fairQueue.priorityOf({ ref, attempt: 0 }) }),
      ),
    );
  }

  /** Lets no worker take a job, on any machine, until {@link resume}. Running jobs go on, new ones are accepted. */
  async pause(): Promise<void> {
    await this.queue.pause();
  }

  async resume(): Promise<void> {
    await this.queue.resume();
  }

  isPaused(): Promise<boolean> {
    return this.queue.isPaused();
  }

  /** Removes a job that no worker has started. */
  async remove(ref: JobRef): Promise<void> {
    await this.queue.remove(ref);
  }

  /** Removes an erased job: at once, or, if a worker has it, once {@link forgetErased} has given that the time to let go. */
  async erase(ref: JobRef): Promise<void> {
    const isHeld = (await this.queue.remove(ref)) === 0;
    if (isHeld && this.#held.size < MAX_HELD) this.#held.add(ref);
  }

  /** Forgets what the queue knows of erased jobs, and has told about them: now, and once their workers have let go of them. */
  async forgetErased(): Promise<void> {
    this.#forgetting ??= setTimeout(() => {
      this.#forgetting = null;
      this.#removeHeld().catch((error: unknown) => this.ports.logger.debug({ err: error }, 'queue not cleaned'));
    }, LET_GO_MS);
    await this.#trimEvents();
  }

  onApplicationShutdown(): void {
    if (this.#forgetting !== null) clearTimeout(this.#forgetting);
  }

  /** Removes what workers have not let go of: they are dead, and nobody might ever look for what they had. */
  async #removeHeld(): Promise<void> {
    const refs = [...this.#held];
    this.#held.clear();
    const stalled = this.queue.toKey('stalled');
    for (const ref of await this.#present(refs)) {
      await this.ports.redis.del(`${this.queue.toKey(ref)}:lock`);
      await this.queue.remove(ref);
      await this.ports.redis.srem(stalled, ref);
    }
    await this.#trimEvents();
  }

  async #trimEvents(): Promise<void> {
    // BullMQ itself trims about, not exactly
    await this.ports.redis.xtrim(this.queue.toKey('events'), 'MAXLEN', 0);
  }

  /** @returns the jobs that have no entry in any state. An entry is removed when it ends */
  async missing(refs: readonly JobRef[]): Promise<JobRef[]> {
    const present = new Set(await this.#present(refs));
    return refs.filter((ref) => !present.has(ref));
  }

  async #present(refs: readonly JobRef[]): Promise<JobRef[]> {
    const found = await Promise.all(refs.map((ref) => this.ports.redis.exists(this.queue.toKey(ref))));
    return refs.filter((_, place) => found[place] === 1);
  }
}

/** How long a job that starts later has still to wait, milliseconds. Clocks may differ: never longer than at first. */
export function remainingDelayMs({ createdAt, delayMs }: { createdAt: number; delayMs: number }): number {
  return Math.max(0, Math.min(delayMs, createdAt + delayMs - Date.now()));
}
