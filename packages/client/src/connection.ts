import { createParser } from 'eventsource-parser';
import { isJobEventType, type JobEvent } from './job-event.ts';
import { MillraceError } from './millrace-error.ts';
import { type Request, reaching, type Transport } from './transport.ts';

// max length of one event, in characters: far above what a server allows a whole job
const MAX_EVENT_CHARS = 64 * 1024 * 1024;

/** What a connection reports besides events. */
export interface ConnectionNotes {
  /** an event or a heartbeat arrived: the server is alive and working */
  alive(): void;
  /** the server named the time to wait before reconnecting, milliseconds */
  retry(retryMs: number): void;
}

/** One HTTP answer that carries a job's stream. A server that sends nothing for `silenceMs`, not even a heartbeat,
 *  counts as lost: otherwise a half-open connection would hang for ever. The clock runs only while this side waits
 *  for bytes, so a slow consumer does not make the server look silent. */
export class Connection {
  private constructor(
    private readonly response: Response,
    private readonly caller: AbortSignal | null,
    private readonly silence: SilenceLimit,
  ) {}

  /** @throws MillraceError `UNREACHABLE`, or the code of the server's refusal
   *  @throws the signal's reason */
  static async open(transport: Transport, request: Request, silenceMs: number): Promise<Connection> {
    const silence = new SilenceLimit(silenceMs);
    const signal = request.signal === null ? silence.signal : AbortSignal.any([request.signal, silence.signal]);
    try {
      const headers = { accept: 'text/event-stream', ...request.headers };
      const response = await silence.during(() => transport.send({ ...request, headers, signal }));
      return new Connection(response, request.signal, silence);
    } catch (error) {
      throw silence.signal.aborted ? silence.asError(error) : error;
    }
  }

  /** The job's id from the server; null if it sent none. */
  get requestId(): string | null {
    return this.response.headers.get('x-request-id');
  }

  /** Where a stream begins that was opened without a cursor; null: at its beginning. */
  get lastEventId(): string | null {
    return this.response.headers.get('last-event-id');
  }

  /** The cursor was already the terminal event: nothing more will come. */
  get isOver(): boolean {
    return this.response.status === 204;
  }

  /** The events until the body ends. Leaving the loop closes the connection.
   *  @throws MillraceError `UNREACHABLE` when it breaks, `BAD_ANSWER` when it is not a stream of events
   *  @throws the caller's signal's reason */
  async *events(notes: ConnectionNotes): AsyncGenerator<JobEvent, void, undefined> {
    if (!this.response.headers.get('content-type')?.startsWith('text/event-stream')) {
      await this.close();
      throw new MillraceError('BAD_ANSWER', 'the answer is not a stream of events', { status: this.response.status });
    }
    const arrived: Message[] = [];
    // an event without an id keeps the previous one, as the standard says; the parser reports only what it saw
    let lastId = '';
    const parser = createParser({
      onId(id) {
        lastId = id;
      },
      onEvent({ event, data }) {
        notes.alive();
        arrived.push({ id: lastId, type: event ?? 'text', data });
      },
      onComment: () => notes.alive(),
      onRetry: (retryMs) => notes.retry(retryMs),
      onError(cause) {
        // other errors are fields of a newer server, which the standard tells a client to ignore
        if (cause.type !== 'max-buffer-size-exceeded') return;
        throw new MillraceError('BAD_ANSWER', 'an event of the stream does not end', { cause });
      },
      maxBufferSize: MAX_EVENT_CHARS,
    });
    // the parser strips an optional byte order mark
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const reader = this.response.body?.getReader();
    if (reader === undefined) return;
    try {
      for (;;) {
        const { done, value } = await reaching(this.caller, () => this.silence.during(() => reader.read()));
        if (done) return;
        parser.feed(decoder.decode(value, { stream: true }));
        for (const message of arrived.splice(0)) {
          if (isJobEventType(message.type)) yield jobEvent(message);
        }
      }
    } finally {
      // the connection may already be broken, and nobody waits for its end
      reader.cancel().catch(() => undefined);
    }
  }

  /** Drops a connection whose events nobody read. */
  async close(): Promise<void> {
    await this.response.body?.cancel();
  }
}

interface Message {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

function jobEvent({ id, type, data }: Message): JobEvent {
  try {
    return { id, type, data: JSON.parse(data) } as JobEvent;
  } catch (cause) {
    throw new MillraceError('BAD_ANSWER', `the data of a ${type} event is not JSON`, { cause });
  }
}

/** Aborts a wait that takes too long. */
class SilenceLimit {
  private readonly controller = new AbortController();
  readonly signal = this.controller.signal;

  constructor(private readonly silenceMs: number) {}

  async during<T>(work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.controller.abort(), this.silenceMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  asError(cause: unknown): MillraceError {
    return new MillraceError('UNREACHABLE', `the server was silent for ${this.silenceMs} ms`, {
      retryable: true,
      cause,
    });
  }
}
