import { isEventId } from '@millrace/contracts';
import type {
  EncodableBatch,
  Encoded,
  LogPosition,
  StreamEncoder,
  StreamedJob,
  StreamFormat,
} from '../stream-format.ts';
import { encodeFrames } from './encode-frames.ts';

/** Cached on the batch itself: a WeakMap entry costs as much as the encoding, 0.5 µs, and garbage collection more. */
const ENCODED = Symbol('as server-sent events');

interface EncodedBatch extends EncodableBatch {
  [ENCODED]?: Encoded;
}

/** Server-sent events, the service's own protocol. Nothing depends on the connection: a batch is encoded once, and all
 *  watchers of the job share its bytes for as long as the batch is held.
 *
 *  Hint and heartbeat are single lines without a blank line: they belong to the next frame. A separate block would have
 *  no data, and Python's readers emit that as an event that is not JSON.
 *  @see PROTOCOL.md §3 */
export class NativeFormat implements StreamFormat, StreamEncoder {
  readonly contentType = 'text/event-stream';
  readonly canReset = true;
  readonly cleanEndMeansSuccess = false;
  readonly cursor = 'event';
  readonly begins = 'log';
  readonly opening: Buffer;
  readonly heartbeat = Buffer.from(': hb\n');

  /** @param retryMs how long a client waits before it reconnects, milliseconds */
  constructor({ retryMs }: { readonly retryMs: number }) {
    this.opening = this.retry(retryMs);
  }

  headers({ id }: StreamedJob): Readonly<Record<string, string>> {
    return { Location: `/jobs/${id}` };
  }

  positionOf(cursor: string): LogPosition | null {
    return isEventId(cursor) ? { after: cursor, skip: 0 } : null;
  }

  connect(): StreamEncoder {
    return this;
  }

  encode(batch: EncodedBatch): Encoded {
    batch[ENCODED] ??= encodeFrames(batch);
    return batch[ENCODED];
  }

  retry(delayMs: number): Buffer {
    // digits only: anything else makes a client ignore the field
    return Buffer.from(`retry: ${Math.max(0, Math.round(delayMs))}\n`);
  }
}
