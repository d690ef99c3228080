import { idOf, type JobRef, tenantOf, WEBHOOK_QUEUE_NAME } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { traceWebhook } from '@millrace/telemetry';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { DelayedError, type Job, Worker, type WorkerOptions } from 'bullmq';
import type { WebhookSender } from './webhook-sender.ts';

/** Webhooks that one worker sends at once, and of them those to one receiver, and those of one tenant: a slow receiver delays its
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

/** Sends webhooks, from a queue of their own: no job waits for one. */
export class WebhookConsumer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #worker: Worker;
  /** by receiver, and by tenant: how many are being sent */
  readonly #toHost = new InUse(PER_HOST);
  readonly #ofTenant = new InUse(PER_TENANT);

  constructor(
    readonly sender: WebhookSender,
    readonly logger: Logger,
    queue: Pick<WorkerOptions, 'connection' | 'prefix'>,
  ) {
    this.#worker = new Worker(WEBHOOK_QUEUE_NAME, (job, token) => this.#process(job, token), {
      ...{ autorun: false, concurrency: CONCURRENCY, lockDuration: LOCK_MS, skipVersionCheck: true },
      settings: { backoffStrategy: backOffMs },
      ...queue,
    });
    this.#worker.on('error', (error) => this.logger.debug({ err: error }, 'webhook queue'));
    this.#worker.on('failed', (job, error) => this.#report(job, error));
  }

  onApplicationBootstrap(): void {
    this.#worker.run().catch((error: unknown) => this.logger.error({ err: error }, 'webhooks are not sent any more'));
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#worker.close();
    await this.sender.close();
  }

  async #process(job: Job, token: string | undefined): Promise<void> {
    const ref = job.id as JobRef;
    const notice = await this.sender.read(ref);
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
      const sent = await traceWebhook(told, () => this.sender.send(notice));
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
