import { createHash } from 'node:crypto';
import type { ArchivedJobs } from '@millrace/archive';
import { idOf, type JobRef } from '@millrace/contracts';
import { hostOf, isPrivateUrl, PrivateAddress, publicLookup, type Resolver } from '@millrace/runtime';
import { isFinished, type JobOutline, type JobReader, requireContents, viewOf } from '@millrace/stream-log';
import { Webhook } from 'standardwebhooks';
import { Agent } from 'undici';

/** How long a receiver may take to answer, milliseconds. */
const ANSWER_MS = 15_000;
const CONNECT_MS = 5_000;
/** Headers of an answer: nobody reads them. */
const MAX_HEADER_BYTES = 8_192;

export interface WebhookSenderOptions {
  readonly reader: Pick<JobReader, 'outline'>;
  /** jobs that have left Redis before their receivers answered; null: there is no archive */
  readonly archived?: Pick<ArchivedJobs, 'thaw'> | null;
  /** `whsec_…` */
  readonly secret: string;
  /** hosts that may be private */
  readonly allowed: readonly string[];
  /** resolves names; the system's when left out */
  readonly resolve?: Resolver;
}

/** What a receiver is told. */
export interface Notice {
  /** the same for every try */
  readonly id: string;
  readonly url: URL;
  readonly body: string;
  /** trace context of the job; null for none */
  readonly traceparent?: string | null;
}

/** What became of one try. `gone`: the receiver wants no more (410). */
export type Sent = { readonly outcome: 'delivered' | 'gone' } | { readonly outcome: 'failed'; readonly reason: string };

/** Tells a receiver that a job has ended: the job without its text, signed as Standard Webhooks says. It follows no redirect, and
 *  connects to public addresses alone, but for hosts that the operator lists. @see PROTOCOL.md §12 */
export class WebhookSender {
  readonly #options: WebhookSenderOptions;
  readonly #webhook: Webhook;
  readonly #allowed: ReadonlySet<string>;
  readonly #agent: Agent;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
    this.#webhook = new Webhook(options.secret);
    this.#allowed = new Set(options.allowed);
    this.#agent = new Agent({
      connect: { lookup: publicLookup(this.#allowed, options.resolve), timeout: CONNECT_MS },
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
  }

  /** @returns what is to be told to whom; null: nobody any more, the job is erased or expired, or was altered
   *  @throws ContentUnreadable its key cannot be had now
   *  @throws ArchiveUnavailable */
  async read(ref: JobRef): Promise<Notice | null> {
    const job = await this.#find(ref);
    if (job !== null) requireContents(job);
    if (job === null || job.webhook === null || !isFinished(job.status)) return null;
    const { webhook, traceparent } = job;
    return { id: idOfWebhook(ref), url: new URL(webhook), body: JSON.stringify(viewOf(job)), traceparent };
  }

  async send({ id, url, body }: Notice): Promise<Sent> {
    // an address needs no look-up, so the socket would not ask
    if (isPrivateUrl(url) && !this.#allowed.has(hostOf(url))) {
      return { outcome: 'failed', reason: new PrivateAddress().message };
    }
    const status = await this.#post(url, id, body);
    if (typeof status === 'string') return { outcome: 'failed', reason: status };
    if (status >= 200 && status < 300) return { outcome: 'delivered' };
    return status === 410 ? { outcome: 'gone' } : { outcome: 'failed', reason: `answered ${status}` };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #find(ref: JobRef): Promise<JobOutline | null> {
    const { reader, archived } = this.#options;
    const job = await reader.outline(ref);
    return job === null && archived && (await archived.thaw(ref)) ? reader.outline(ref) : job;
  }

  /** @returns the status, or why there was none */
  async #post({ origin, pathname, search }: URL, id: string, body: string): Promise<number | string> {
    const now = new Date();
    try {
      const answer = await this.#agent.request({
        ...{ origin, path: `${pathname}${search}`, method: 'POST', body },
        headers: {
          'content-type': 'application/json',
          'user-agent': 'millrace',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
          'webhook-signature': this.#webhook.sign(id, now, body),
        },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      // whatever the receiver says more is not wanted
      answer.body.on('error', () => {}).destroy();
      return answer.statusCode;
    } catch (error) {
      if (error instanceof PrivateAddress || (error as Error).cause instanceof PrivateAddress) {
        return new PrivateAddress().message;
      }
      return (error as NodeJS.ErrnoException).code ?? 'no answer';
    }
  }
}

/** The same for every try, so that a receiver knows a repetition; different for tenants whose jobs share an id. */
function idOfWebhook(ref: JobRef): string {
  return `msg_${idOf(ref)}_${createHash('sha256').update(ref).digest('base64url').slice(0, 12)}`;
}
