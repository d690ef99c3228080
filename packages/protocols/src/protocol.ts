import type { StoredEvent } from '@millrace/contracts';

/** What a format is given: some consecutive events of one job.
 *  One object is shared by all watchers of the job in a process, so a format may keep its bytes on it, by a symbol. */
export interface WireBatch {
  readonly events: readonly StoredEvent[];
  /** a full page of a long backlog: adjacent deltas may be merged into fewer, larger frames */
  readonly replay: boolean;
}

/** What the connection does after the bytes: go on, end the body cleanly, or break it off so that no client
 *  takes what it got for a whole answer. */
export type WireOutcome = 'continue' | 'end' | 'abort';

export interface Encoded {
  /** null: nothing to write */
  readonly bytes: Buffer | null;
  readonly outcome: WireOutcome;
}

/** One connection's encoder. The caller feeds it the batches of one job, in order, until an outcome other than
 *  `continue`; every Buffer may be shared with other connections and must not be written to. */
export interface WireEncoder {
  /** written at once after the headers; null: nothing */
  readonly opening: Buffer | null;
  /** written between frames when the connection has been silent for a while; null: this format cannot say "still here" */
  readonly heartbeat: Buffer | null;
  /** @throws UnframableEvent an event that would break out of its frame: only a corrupt log holds one */
  encode(batch: WireBatch): Encoded;
  /** Asks the client to wait this long before it comes back; null: this format cannot say so. Written last, before the
   *  end of the body.
   *  @param delayMs milliseconds */
  retry(delayMs: number): Buffer | null;
}

/** A protocol on the wire: how the events of a job become the bytes of a response body. Pure: no I/O, no clock.
 *  A new protocol is one new folder beside `sse/` and `text/` that implements this. */
export interface WireFormat {
  /** the value of the `Content-Type` header */
  readonly contentType: string;
  /** @returns the encoder of one connection; a format without state per connection returns the same one to all */
  connect(): WireEncoder;
}
