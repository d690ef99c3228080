import { type JobRef, PRODUCER_OPTIONS, QUEUE_ENTRY_NAME, WEBHOOK_QUEUE_NAME } from '@millrace/contracts';
import type { Logger, RedisFactory } from '@millrace/runtime';
import { isFinished, type JobReader, type KeySpace, type WebhookJobs } from '@millrace/stream-log';
import { Queue } from 'bullmq';
import type { ApiSettings } from '../../settings.ts';

/** How often a node looks for jobs that have ended, milliseconds. */
const LOOK_MS = 1_000;
/** How long an entry that is done keeps its id, seconds: two nodes that see the same end add one entry. */
const KEPT_SECONDS = 60;
/** Tries of one webhook, within a day. @see the worker's back-off */
const TRIES = 12;

export interface WebhookQueuePorts {
  readonly redis: RedisFactory;
  readonly keys: KeySpace;
  readonly jobs: WebhookJobs;
  readonly reader: JobReader;
  readonly settings: ApiSettings;
  readonly logger: Logger;
}

/** Puts ends of jobs into the queue of webhooks. A job leaves the list of those that wait once its entry is stored, so that a
 *  webhook is sent at least once. Every node looks: whoever ends a job, worker, API or sweep, needs to know nothing of it. */
export class WebhookQueue {
  /** null: this deployment sends no webhooks */
  readonly queue: Queue | null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(private readonly ports: WebhookQueuePorts) {
    this.queue = ports.settings.MILLRACE_WEBHOOK_SECRET === undefined ? null : this.#open();
  }

  start(): void {
    if (this.queue !== null) this.#schedule(this.queue);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#looking;
    await this.queue?.close();
  }

  #open(): Queue {
    const queue = new Queue(WEBHOOK_QUEUE_NAME, {
      connection: this.ports.redis.connect('queue'),
      prefix: this.ports.keys.queuePrefix,
      ...PRODUCER_OPTIONS,
    });
    queue.on('error', (error) => this.ports.logger.debug({ err: error }, 'queue connection'));
    return queue;
  }

  #schedule(queue: Queue): void {
    let isLooking = false;
    this.#timer = setInterval(() => {
      if (isLooking) return;
      isLooking = true;
      this.#looking = this.#look(queue)
        .catch((error: unknown) => this.ports.logger.debug({ err: error }, 'webhooks not queued'))
        .finally(() => {
          isLooking = false;
        });
    }, LOOK_MS);
  }

  async #look(queue: Queue): Promise<void> {
    const refs = await this.ports.jobs.ended();
    if (refs.length === 0) return;
    const records = await this.ports.reader.outlines(refs);
    await Promise.all(
      refs.map(async (ref, place) => {
        const record = records[place];
        if (record && !isFinished(record.status)) return; // Redis has lost the list of open jobs
        // its worker reads where to: an entry for a job without one does nothing
        const mayBeArchived = record === null && this.ports.settings.MILLRACE_ARCHIVE !== undefined;
        const mayHaveOne = mayBeArchived || record?.unreadable?.reason === 'unavailable';
        if (record?.webhook || mayHaveOne) await addTo(queue, ref);
        await this.ports.jobs.forget(ref);
      }),
    );
  }
}

async function addTo(queue: Queue, ref: JobRef): Promise<void> {
  const kept = { age: KEPT_SECONDS };
  const options = { jobId: ref, attempts: TRIES, backoff: { type: 'custom' } };
  await queue.add(QUEUE_ENTRY_NAME, {}, { ...options, removeOnComplete: kept, removeOnFail: kept });
}
