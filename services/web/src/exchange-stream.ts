import type { Job, Millrace, NewJob, Reconnection } from '@millrace/client';
import type { ExchangeView } from './exchange-view.ts';
import { duration, errorSentence } from './wording.ts';

// long enough to be seen; what the model says meanwhile comes with the resumed stream
const CUT_MS = 1500;

class ConnectionCut extends Error {}
class StreamLeft extends Error {}

/** Follows one job into its view, from the first event to the last, through cuts by accident and on purpose. */
export class ExchangeStream {
  private connection = new AbortController();
  private left = false;
  /** the last event that was shown */
  private seen: string | undefined;

  constructor(
    private readonly client: Millrace,
    /** the job's request id */
    readonly id: string,
    readonly view: ExchangeView,
  ) {}

  /** An event has been seen: the service has the job. */
  get hasBegun(): boolean {
    return this.seen !== undefined;
  }

  /** Makes the job and follows it.
   *  @param accepted told once the service has the job
   *  @returns false when the page left before the end
   *  @throws MillraceError */
  async ask(job: NewJob, accepted: () => void): Promise<boolean> {
    return this.untilLeft(async () => {
      const stream = await this.client.jobs.create(job, { requestId: this.id, ...this.options() });
      accepted();
      await this.follow(stream);
    });
  }

  /** Follows a job that exists: from the beginning, or after the last event that this stream has shown.
   *  @returns false when the page left before the end
   *  @throws MillraceError */
  async resume(): Promise<boolean> {
    return this.untilLeft(() => this.follow(this.reconnect()));
  }

  /** Drops the connection, as a tunnel or a closed lid would; it reconnects by itself. */
  cut(): void {
    if (this.seen === undefined) return;
    this.connection.abort(new ConnectionCut());
  }

  /** Stops watching for good. The job goes on. */
  leave(): void {
    this.left = true;
    this.connection.abort(new StreamLeft());
  }

  private async follow(first: Job): Promise<void> {
    let stream = first;
    while (!(await this.untilCut(stream))) {
      this.view.enter('cut', `Connection cut after event ${this.seen}. Coming back…`);
      await new Promise((resolve) => setTimeout(resolve, CUT_MS));
      if (this.left) throw new StreamLeft();
      this.view.note(`Cut after event ${this.seen}, resumed ${duration(CUT_MS)} later.`);
      this.connection = new AbortController();
      stream = this.reconnect();
    }
  }

  private reconnect(): Job {
    return this.client.jobs.resume({ id: this.id, lastEventId: this.seen ?? null }, this.options());
  }

  /** @returns false when the connection was cut on purpose before the end */
  private async untilCut(stream: Job): Promise<boolean> {
    try {
      for await (const event of stream) {
        this.seen = event.id;
        this.view.show(event);
      }
      return true;
    } catch (error) {
      if (error instanceof ConnectionCut) return false;
      throw error;
    }
  }

  private async untilLeft(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof StreamLeft) return false;
      throw error;
    }
  }

  private options() {
    return {
      signal: this.connection.signal,
      onReconnect: ({ delayMs, cause }: Reconnection) => {
        const what = cause.status === null ? 'Connection lost.' : errorSentence(cause);
        this.view.enter('cut', `${what} Trying again in ${duration(delayMs)}…`);
      },
    };
  }
}
