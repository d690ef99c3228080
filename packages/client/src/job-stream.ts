import { Backoff, pause, type RetryPolicy } from './backoff.ts';
import { Connection } from './connection.ts';
import { isTerminal, type JobEvent } from './job-event.ts';
import { MillraceError } from './millrace-error.ts';
import type { Transport } from './transport.ts';

/** The next piece of an answer. */
export interface Delta {
  readonly text: string;
  /** a new attempt starts the answer again: discard all text before this delta */
  readonly restart: boolean;
}

/** A connection was lost, and the client is about to reconnect. */
export interface Reconnection {
  /** time until the next try, milliseconds */
  readonly delayMs: number;
  readonly cause: MillraceError;
}

export interface JobStreamOptions {
  readonly transport: Transport;
  readonly id: string;
  readonly policy: RetryPolicy;
  /** how long a server may be silent before it counts as lost, milliseconds */
  readonly silenceMs: number;
  readonly signal: AbortSignal | null;
  /** resume after this event; null: from the beginning */
  readonly lastEventId: string | null;
  readonly onReconnect: ((reconnection: Reconnection) => void) | null;
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
    const { signal, policy, lastEventId, onReconnect } = this.options;
    const backoff = new Backoff(policy);
    const notes = { alive: () => backoff.worked(), retry: (retryMs: number) => backoff.serverSays(retryMs) };
    // one per loop, since two loops may read the same stream at once
    let cursor = lastEventId;
    let begun = false;
    for (;;) {
      let cause: MillraceError;
      try {
        const connection = await this.connect(cursor);
        if (connection.isOver) return;
        begun = true;
        for await (const event of connection.events(notes)) {
          cursor = event.id;
          this.seen = cursor;
          yield event;
          if (isTerminal(event)) return;
        }
        cause = new MillraceError('UNREACHABLE', 'the stream was cut', { retryable: true, requestId: this.id });
      } catch (error) {
        cause = begun && isTooMuch(error) ? error : transient(error);
      }
      const delayMs = backoff.next(cause);
      onReconnect?.({ delayMs, cause });
      await pause(delayMs, signal);
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

  private connect(cursor: string | null): Promise<Connection> | Connection {
    const { transport, signal, silenceMs } = this.options;
    const { first } = this;
    if (first !== null) {
      this.first = null;
      return first;
    }
    const headers: Record<string, string> = cursor === null ? {} : { 'last-event-id': cursor };
    const path = `/jobs/${encodeURIComponent(this.id)}/stream`;
    return Connection.open(transport, { method: 'GET', path, headers, signal }, silenceMs);
  }
}

/** The limit of concurrent streams: when a node dies, its readers move to the other nodes all at once. */
function isTooMuch(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.status === 429;
}

/** @returns the error, if trying again may help
 *  @throws any other error */
export function transient(error: unknown): MillraceError {
  if (error instanceof MillraceError && (error.code === 'UNREACHABLE' || (error.status ?? 0) >= 500)) return error;
  throw error;
}
