import { Conflict, type MillraceError } from '../errors.ts';
import type { ContentPart, JobView, NewJob } from '../job-view.ts';
import type { Millrace } from '../millrace.ts';
import type { WatchOptions } from '../resumed-events.ts';
import { Draft } from './draft.ts';
import { InOrder } from './in-order.ts';
import { problemOf } from './problem.ts';

/** What an outbox needs of the conversation that it sends for. */
export interface Sender {
  /** @returns the thread to send to
   *  @throws MillraceError there is none */
  readonly threadId: (options: WatchOptions) => Promise<string>;
  /** something has changed that a person must see at once */
  readonly onChange: () => void;
  /** the server has the job */
  readonly onAccepted: (draft: Draft, job: JobView) => void;
  /** what is no message has been refused */
  readonly onRefused: (error: MillraceError) => void;
}

/** Sends one thing after the other, so that the order is that of the person. */
export class Outbox {
  private readonly queue = new InOrder();

  constructor(
    private readonly millrace: Millrace,
    private readonly sender: Sender,
  ) {}

  /** @returns whether the server has accepted it */
  send(draft: Draft): Promise<boolean> {
    draft.stop = new AbortController();
    draft.is('sending');
    this.sender.onChange();
    return this.queue.run(() => this.#submit(draft));
  }

  /** Waits until nothing is on its way. */
  idle(): Promise<void> {
    return this.queue.idle();
  }

  async #submit(draft: Draft): Promise<boolean> {
    const { signal } = draft.stop;
    const onReconnect = () => {
      draft.is('waiting');
      this.sender.onChange();
    };
    try {
      signal.throwIfAborted();
      const options = { signal, onReconnect };
      const job = { ...draft.job, threadId: await this.sender.threadId(options) };
      const record = await this.millrace.jobs.submit(job, { ...options, requestId: draft.requestId });
      draft.jobId = record.id;
      draft.is('sent');
      this.sender.onAccepted(draft, record);
      return true;
    } catch (error) {
      if (signal.aborted) this.#withdraw(draft);
      else this.#refuse(draft, error);
      return false;
    } finally {
      this.sender.onChange();
    }
  }

  #refuse(draft: Draft, error: unknown): void {
    draft.is('refused', problemOf(error));
    if (draft.content === null) this.sender.onRefused(error as MillraceError);
  }

  /** The server may have accepted it all the same. */
  #withdraw(draft: Draft): void {
    const message = 'it was taken back before the server had it';
    draft.is('refused', {
      ...{
        code: 'CANCELLED',
        message,
        requestId: draft.requestId.value,
        remedy: 'retry',
        retryAfterMs: null,
        fields: [],
      },
    });
    this.millrace.jobs
      .resume(draft.requestId.value)
      .cancel()
      .catch(() => undefined); // there is no such job, as should be
    draft.renew();
  }
}

/** Cancels a job; one that has ended is as good as cancelled.
 *  @throws MillraceError */
export async function cancel(millrace: Millrace, jobId: string): Promise<JobView | null> {
  try {
    return await millrace.jobs.resume(jobId).cancel();
  } catch (error) {
    if (error instanceof Conflict) return null;
    throw error;
  }
}

/** @param content text, or parts */
export function questionOf(content: string | readonly ContentPart[]): NewJob {
  return typeof content === 'string' ? { query: content } : { messages: [{ role: 'user', content }] };
}
