import { createParser } from 'eventsource-parser';
import { BadAnswer } from './errors.ts';
import { isJobEventType, type JobEvent } from './job-event.ts';
import { type Request, reaching, type Transport } from './transport.ts';
import { Wire } from './wire.ts';

// max length of one event, in characters: far above what a server allows a whole job
const MAX_EVENT_CHARS = 64 * 1024 * 1024;

/** What a connection reports besides events, and asks. */
export interface ConnectionNotes {
  /** an event or a heartbeat arrived: the server is alive and working */
  alive(): void;
  /** the server named the time to wait before reconnecting, milliseconds */
  retry(retryMs: number): void;
  /** @returns whether the reader has yet to see the event of this id */
  isNew(id: string): boolean;
}

/** One HTTP answer that carries a stream. A server that sends nothing for `silenceMs`, not even a heartbeat, counts as lost:
 *  otherwise a half-open connection would hang for ever. The clock runs only while this side waits for bytes, so a slow
 *  consumer does not make the server look silent. */
export class Connection {
  private constructor(
    private readonly response: Response,
    private readonly wire: Wire,
  ) {}

  /** @throws RequestRefused, ConnectionLost
   *  @throws the signal's reason */
  static async open(transport: Transport, request: Request, silenceMs: number): Promise<Connection> {
    const wire = new Wire(silenceMs);
    try {
      wire.follow(request.signal);
      const headers = { accept: 'text/event-stream', ...request.headers };
      const response = await wire.during(() => transport.send({ ...request, headers, signal: wire.signal }));
      return new Connection(response, wire);
    } catch (error) {
      wire.release();
      throw error;
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

  /** Also stops with another signal than the one that it was opened with. */
  follow(signal: AbortSignal | null): void {
    this.wire.follow(signal);
  }

  /** The events of jobs until the body ends: {@link read}. */
  events(notes: ConnectionNotes): AsyncGenerator<JobEvent, void, undefined> {
    return this.read(notes, (message) => (isJobEventType(message.type) ? jobEvent(message) : undefined));
  }

  /** What arrives until the body ends. Leaving the loop closes the connection.
   *  @param take makes of a message what the caller gets; undefined: nothing
   *  @throws ConnectionLost when it breaks, BadAnswer when it is not a stream of events
   *  @throws the reason of a signal that it follows */
  async *read<T>(
    notes: ConnectionNotes,
    take: (message: Message) => T | undefined,
  ): AsyncGenerator<T, void, undefined> {
    const { body, headers, status } = this.response;
    if (!headers.get('content-type')?.startsWith('text/event-stream')) {
      await this.close();
      throw new BadAnswer('the answer is not a stream of events', { status });
    }
    const arrived: Message[] = [];
    // an event without an id keeps the previous one, as the standard says; the parser reports only what it saw
    let lastId = '';
    const parser = createParser({
      onId(id) {
        lastId = id;
      },
      onEvent({ id, event, data }) {
        notes.alive();
        if (id === undefined || notes.isNew(id)) arrived.push({ id: lastId, type: event ?? 'text', data });
      },
      onComment: () => notes.alive(),
      onRetry: (retryMs) => notes.retry(retryMs),
      onError(cause) {
        // other errors are fields of a newer server, which the standard tells a client to ignore
        if (cause.type !== 'max-buffer-size-exceeded') return;
        throw new BadAnswer('an event of the stream does not end', { cause });
      },
      maxBufferSize: MAX_EVENT_CHARS,
    });
    // the parser strips an optional byte order mark
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const reader = body?.getReader();
    if (reader === undefined) return;
    // the connection may already be broken, and nobody waits for its end
    const drop = () => void reader.cancel().catch(() => undefined);
    const { signal } = this.wire;
    signal.addEventListener('abort', drop);
    try {
      for (;;) {
        const { done, value } = await reaching(signal, () => this.wire.during(() => reader.read()));
        signal.throwIfAborted();
        if (done) return;
        parser.feed(decoder.decode(value, { stream: true }));
        for (const message of arrived.splice(0)) {
          const taken = take(message);
          if (taken === undefined) continue;
          signal.throwIfAborted();
          yield taken;
        }
      }
    } finally {
      this.wire.release();
      drop();
    }
  }

  /** Drops a connection whose events nobody read. */
  async close(): Promise<void> {
    this.wire.release();
    await this.response.body?.cancel();
  }
}

/** An event as it came. */
export interface Message {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

function jobEvent(message: Message): JobEvent {
  return { id: message.id, type: message.type, data: dataOf(message) } as JobEvent;
}

/** @throws BadAnswer */
export function dataOf({ type, data }: Message): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new BadAnswer(`the data of a ${type} event is not JSON`, { cause });
  }
}
