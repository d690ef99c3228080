import type { EventId, StoredEvent } from '@millrace/contracts';

/** The job whose events a connection delivers: what frames may contain of it, the same on every node and replay. */
export interface StreamedJob {
  /** the request id */
  readonly id: string;
  /** `provider:name` */
  readonly model: string;
  /** milliseconds since the epoch */
  readonly createdAt: number;
  /** the thread that the job belongs to; null: none */
  readonly threadId: string | null;
  /** what answers; the built-in pipeline unless told */
  readonly pipeline?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly onDisconnect?: 'continue' | 'cancel';
  /** the job of its thread that it continues; null: whichever was last */
  readonly continues?: string | null;
  /** its place in the order of its thread, for a reader of the thread: 1, 2, … */
  readonly turn?: number;
}

/** What a format is given: some consecutive events of one job.
 *  All watchers of the job in a process share one object, so a format may cache its bytes on it, under a symbol. */
export interface EncodableBatch {
  readonly events: readonly StoredEvent[];
  /** a full page of a long backlog: an encoder that does not count frames may merge adjacent deltas */
  readonly replay: boolean;
}

/** What the connection does after the bytes: continue, end the body cleanly, or abort it so that no client mistakes
 *  what it received for a whole answer. */
export type StreamOutcome = 'continue' | 'end' | 'abort';

export interface Encoded {
  /** null: nothing to write */
  readonly bytes: Buffer | null;
  readonly outcome: StreamOutcome;
}

/** What a client's cursor stands for:
 *  - `event`: a stored event. A merged frame has the id of its last one.
 *  - `frame`: a number of frames since the log's beginning. Each stored event is a fixed number of frames, the same on
 *    every replay, so nothing is merged.
 *  - `none`: there is no cursor, and every stream starts from the beginning. */
export type CursorKind = 'event' | 'frame' | 'none';

/** One connection's encoder. The caller feeds it the batches of one job, in order, until an outcome other than
 *  `continue`; every Buffer may be shared with other connections and must not be written to. */
export interface StreamEncoder {
  /** Whether the protocol can take back what was sent. If not, the stream ends in the protocol's own error, or with
   *  `abort`, once what was sent is void. */
  readonly canReset: boolean;
  /** Whether clients take a clean end of the body for success. If so, a stream that must end early, at a shutdown, is
   *  aborted. */
  readonly cleanEndMeansSuccess: boolean;
  readonly cursor: CursorKind;
  /** Where a reader without a cursor begins: with the whole log, or with the attempt that the job is at, because the
   *  protocol cannot take back what earlier ones said. */
  readonly begins: 'log' | 'attempt';
  /** written right after the headers; null: nothing */
  readonly opening: Buffer | null;
  /** written between frames when the connection has been silent for a while; null: this format cannot say "still here" */
  readonly heartbeat: Buffer | null;
  /** @throws UnframableEvent an event would break out of its frame: only a corrupt log has one */
  encode(batch: EncodableBatch): Encoded;
  /** Asks the client to wait this long before it reconnects; null: this format cannot say so. Written last, before the
   *  end of the body.
   *  @param delayMs milliseconds */
  retry(delayMs: number): Buffer | null;
}

/** Where a reader continues in a log. */
export interface LogPosition {
  /** the last event that need not be read again */
  readonly after: EventId;
  /** frames after it that the reader already has */
  readonly skip: number;
  /** the reader has the events after it up to this one; an encoder reads them again, for what it must know */
  readonly through?: EventId;
}

/** A protocol's stream: how the events of a job become the bytes of a response body. Pure: no I/O, no clock.
 *  A new protocol is one new folder beside `native/` and `text/` that implements this. */
export interface StreamFormat {
  /** the value of the `Content-Type` header */
  readonly contentType: string;
  /** @returns further headers of every answer about the stream */
  headers(job: StreamedJob): Readonly<Record<string, string>>;
  /** @param cursor as the client sent it
   *  @returns null for a cursor that this protocol never issued */
  positionOf(cursor: string): LogPosition | null;
  /** @param from of a reader who resumes: what it has already
   *  @returns the encoder of one connection; a format without state per connection returns the same one to all */
  connect(job: StreamedJob, from?: LogPosition): StreamEncoder;
}

/** An event whose id, type or data would end its line or its frame and let the rest be read as other fields. */
export class UnframableEvent extends Error {
  override readonly name = 'UnframableEvent';
  readonly code = 'UNFRAMABLE_EVENT';

  /** The message never quotes the event: what is in it may be a prompt. */
  constructor(readonly field: 'id' | 'type' | 'data') {
    super(`the ${field} of an event cannot stand on one line of a frame`);
  }
}
