import type { Connection } from './connection.ts';
import { isTerminal, type JobEvent } from './job-event.ts';
import { MillraceError } from './millrace-error.ts';
import { type ReadingOptions, resumedEvents } from './resumed-events.ts';

/** The next piece of an answer. */
export interface Delta {
  readonly text: string;
  /** a new attempt starts the answer again: discard all text before this delta */
  readonly restart: boolean;
}

export interface JobStreamOptions extends ReadingOptions {
  readonly id: string;
  /** the answer to the POST, for the first reader; null: connect */
  readonly first: Connection | null;
}

/** A job's events, over as many connections as it takes: a body that ends without a terminal event is resumed after
 *  the last event seen, so that the reader sees no gap and no repeat. Iterate it, or call `text()` or `deltas()`; each
 *  reads the whole stream. Leaving a loop, or aborting the signal, stops watching: the job continues.
 *  A stream from `create` holds its connection from the start: read it, or `close()` it.
 *  @see PROTOCOL.md §4 */
export class JobStream implements AsyncIterable<JobEvent> {
  /** the request id: use it to resume or watch the stream from anywhere */
  readonly id: string;
  private first: Connection | null;
  private seen: string | null;

  constructor(private readonly options: JobStreamOptions) {
    this.id = options.id;
    this.first = options.first;
    this.seen = options.lastEventId;
  }

  /** The event after which to resume: the last one delivered; null: none yet. */
  get lastEventId(): string | null {
    return this.seen;
  }

  /** Every event, the terminal one last. A failed or cancelled job is an event here, not an exception.
   *  @throws MillraceError the server refuses, or is unreachable for too long
   *  @throws the signal's reason */
  async *[Symbol.asyncIterator](): AsyncGenerator<JobEvent, void, undefined> {
    const { first } = this;
    this.first = null;
    const path = `/jobs/${encodeURIComponent(this.id)}/stream`;
    for await (const event of resumedEvents(this.options, { path, requestId: this.id, first })) {
      this.seen = event.id;
      yield event;
      if (isTerminal(event)) return;
    }
  }

  /** The answer piece by piece, without reasoning or tools.
   *  @throws MillraceError as above; also when the job fails (its code) or is cancelled (`CANCELLED`) */
  async *deltas(): AsyncGenerator<Delta, void, undefined> {
    for await (const event of this) {
      if (event.type === 'text') yield { text: event.data.text, restart: false };
      if (event.type === 'reset') yield { text: '', restart: true };
      if (event.type === 'error') {
        const { code, message, retryable } = event.data;
        throw new MillraceError(code, message, { requestId: this.id, retryable });
      }
      if (event.type === 'cancelled') {
        throw new MillraceError('CANCELLED', `the job was cancelled (${event.data.by})`, { requestId: this.id });
      }
    }
  }

  /** The whole answer, once it is complete.
   *  @throws MillraceError like `deltas` */
  async text(): Promise<string> {
    let answer = '';
    for await (const { text, restart } of this.deltas()) answer = restart ? text : answer + text;
    return answer;
  }

  /** Closes the connection of a stream that will not be read. The job continues. */
  async close(): Promise<void> {
    await this.first?.close();
    this.first = null;
  }
}
