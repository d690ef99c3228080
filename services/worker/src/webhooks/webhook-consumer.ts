import { idOf, type JobRef, tenantOf, WEBHOOK_QUEUE_NAME } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { traceWebhook } from '@millrace/telemetry';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { DelayedError, type Job, Worker, type WorkerOptions } from 'bullmq';
import { closedUnlessLost } from '../shards/closed-unless-lost.ts';
import type { ShardPresence } from '../shards/shard-presence.ts';
import type { WebhookSender } from './webhook-sender.ts';

/** Webhooks that one worker sends at once, which its shards share; and of them those to one receiver, and those of one tenant: a slow receiver delays its
 *  own alone, and a tenant with many of them leaves the other half. */
const CONCURRENCY = 64;
const PER_HOST = 8;
const PER_TENANT = 32;
/** How long a webhook waits whose receiver or tenant has enough of them, milliseconds. */
const BUSY_MS = 1_000;
const LOCK_MS = 60_000;

const SECONDS = 1_000;
const MINUTES = 60 * SECONDS;
const HOURS = 60 * MINUTES;
/** How long after a failed try the next one comes: the last one less than a day after the first. */
const BACK_OFF_MS = [
  ...[5 * SECONDS, 30 * SECONDS, 2 * MINUTES, 10 * MINUTES, 30 * MINUTES],
  ...[1 * HOURS, 2 * HOURS, 3 * HOURS, 4 * HOURS, 5 * HOURS, 6 * HOURS],
];

/** @param triesMade failed tries so far, from 1 */
export function backOffMs(triesMade: number): number {
  return BACK_OFF_MS[Math.min(triesMade, BACK_OFF_MS.length) - 1] ?? 0;
}

/** The queue of webhooks of one shard. */
export interface WebhookQueue extends Pick<WorkerOptions, 'connection' | 'prefix'> {
  /** of the shard's jobs */
  readonly sender: WebhookSender;
  readonly presence: Pick<ShardPresence, 'isThere'>;
}

/** Sends webhooks, from queues of their own, one in each shard: no job waits for one. */
export class WebhookConsumer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #workers: readonly Worker[];
  /** by receiver, and by tenant: how many are being sent */
  readonly #toHost = new InUse(PER_HOST);
  readonly #ofTenant = new InUse(PER_TENANT);

  constructor(
    readonly queues: readonly WebhookQueue[],
    readonly logger: Logger,
  ) {
    const concurrency = Math.ceil(CONCURRENCY / queues.length);
    this.#workers = queues.map(({ sender, presence: _, ...queue }) => {
      const worker = new Worker(WEBHOOK_QUEUE_NAME, (job, token) => this.#process(sender, job, token), {
        ...{ autorun: false, concurrency, lockDuration: LOCK_MS, skipVersionCheck: true },
        settings: { backoffStrategy: backOffMs },
        ...queue,
      });
      worker.on('error', (error) => this.logger.debug({ err: error }, 'webhook queue'));
      worker.on('failed', (job, error) => this.#report(job, error));
      return worker;
    });
  }

  onApplicationBootstrap(): void {
    for (const worker of this.#workers) {
      worker.run().catch((error: unknown) => this.logger.error({ err: error }, 'webhooks are not sent any more'));
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.#workers.map((worker, place) => close(worker, this.queues[place] as WebhookQueue)));
  }

  async #process(sender: WebhookSender, job: Job, token: string | undefined): Promise<void> {
    const ref = job.id as JobRef;
    const notice = await sender.read(ref);
    if (notice === null) return;
    const { host } = notice.url;
    const tenant = tenantOf(ref);
    if (this.#toHost.isFull(host) || this.#ofTenant.isFull(tenant)) {
      await job.moveToDelayed(Date.now() + BUSY_MS, token);
      throw new DelayedError();
    }
    this.#toHost.begin(host);
    this.#ofTenant.begin(tenant);
    try {
      const told = { requestId: idOf(ref), tenant, traceparent: notice.traceparent ?? null };
      const sent = await traceWebhook(told, () => sender.send(notice));
      if (sent.outcome === 'failed') throw new Error(sent.reason);
      this.logger.info({ requestId: idOf(ref), tenant, outcome: sent.outcome }, 'webhook');
    } finally {
      this.#toHost.end(host);
      this.#ofTenant.end(tenant);
    }
  }

  /** The URL may hold a secret: it is not logged. */
  #report(job: Job | undefined, { message: reason }: Error): void {
    if (job?.id === undefined) return;
    const ref = job.id as JobRef;
    const isLast = job.attemptsMade >= (job.opts.attempts ?? 1);
    const line = { requestId: idOf(ref), tenant: tenantOf(ref), reason, tries: job.attemptsMade };
    if (isLast) this.logger.error(line, 'webhook given up');
    else this.logger.warn(line, 'webhook failed');
  }
}

/** Lets what is being sent end. */
async function close(worker: Worker, { sender, presence }: WebhookQueue): Promise<void> {
  // its own connections would go on trying
  if (!(await closedUnlessLost(worker.close(), [presence]))) await worker.getBackend().close(true);
  await sender.close();
}

/** Counts what is in use, by name, up to a maximum each. */
class InUse {
  readonly #counts = new Map<string, number>();

  constructor(readonly max: number) {}

  isFull(name: string): boolean {
    return (this.#counts.get(name) ?? 0) >= this.max;
  }

  begin(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  end(name: string): void {
    const left = (this.#counts.get(name) ?? 1) - 1;
    if (left === 0) this.#counts.delete(name);
    else this.#counts.set(name, left);
  }
}
