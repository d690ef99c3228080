import { isEventId, LOG_START, requestIdSchema } from '@millrace/contracts';
import type {
  EncodableBatch,
  Encoded,
  LogPosition,
  StreamEncoder,
  StreamedJob,
  StreamFormat,
} from '../stream-format.ts';
import type { ThreadEncoder } from '../thread-format.ts';
import { encodeFrames } from './encode-frames.ts';
import { NativeFormat } from './frames.ts';

/** Cached on the batch itself, as in frames.ts: a batch belongs to one job, so its prefix never differs. */
const ENCODED = Symbol('as server-sent events of a thread');

interface EncodedBatch extends EncodableBatch {
  [ENCODED]?: Encoded;
}

/** Where a reader of a thread continues: in the log of one of its jobs. */
export interface ThreadPosition extends LogPosition {
  /** null: before the first job */
  readonly jobId: string | null;
}

/** The cursor before the first job of a thread. No job has such an id. */
const THREAD_START = '0/0-0';

/** The cursor of a reader that has everything up to an event of a job. */
export function threadCursor({ jobId, after }: Pick<ThreadPosition, 'jobId' | 'after'>): string {
  return jobId === null ? THREAD_START : `${jobId}/${after}`;
}

/** Server-sent events of a thread: those of its jobs, one job after the other, with event ids of the form
 *  `<job>/<event id>`. Each job has an encoder of its own; a job's end is the end of its encoder, not of the stream.
 *  All watchers of the job in a process share its bytes.
 *  @see PROTOCOL.md §10 */
export class NativeThreadFormat implements StreamFormat {
  readonly #events: NativeFormat;
  readonly contentType: string;

  /** @param retryMs how long a client waits before it reconnects, milliseconds */
  constructor(options: { readonly retryMs: number }) {
    this.#events = new NativeFormat(options);
    this.contentType = this.#events.contentType;
  }

  headers(): Readonly<Record<string, string>> {
    return {};
  }

  positionOf(cursor: string): ThreadPosition | null {
    if (cursor === THREAD_START) return { jobId: null, after: LOG_START, skip: 0 };
    const slash = cursor.indexOf('/');
    const [jobId, after] = [cursor.slice(0, slash), cursor.slice(slash + 1)];
    if (slash === -1 || !isEventId(after) || !requestIdSchema.safeParse(jobId).success) return null;
    return { jobId, after, skip: 0 };
  }

  connect({ id }: StreamedJob): StreamEncoder {
    return new ThreadJobEncoder(this.#events, id);
  }

  /** @returns the encoder of one connection that follows a thread */
  follow(): ThreadEncoder {
    return new NativeThreadEncoder(this.#events);
  }
}

class NativeThreadEncoder implements ThreadEncoder {
  readonly canReset = true;
  readonly cleanEndMeansSuccess = false;
  readonly cursor = 'event';
  readonly begins = 'log';
  readonly opening: Buffer;
  readonly heartbeat: Buffer;
  readonly #events: NativeFormat;
  #job: StreamEncoder | null = null;

  constructor(events: NativeFormat) {
    this.opening = events.opening;
    this.heartbeat = events.heartbeat;
    this.#events = events;
  }

  begin({ id }: StreamedJob): void {
    this.#job = new ThreadJobEncoder(this.#events, id);
  }

  beginLost(jobId: string): void {
    this.#job = new ThreadJobEncoder(this.#events, jobId);
  }

  encode(batch: EncodableBatch): Encoded {
    if (this.#job === null) throw new Error('no job has begun');
    const encoded = this.#job.encode(batch);
    return encoded.outcome === 'continue' ? encoded : { bytes: encoded.bytes, outcome: 'continue' };
  }

  retry(delayMs: number): Buffer {
    return this.#events.retry(delayMs);
  }
}

class ThreadJobEncoder implements StreamEncoder {
  readonly canReset = true;
  readonly cleanEndMeansSuccess = false;
  readonly cursor = 'event';
  readonly begins = 'log';
  readonly opening: Buffer;
  readonly heartbeat: Buffer;
  readonly #events: NativeFormat;
  readonly #prefix: string;

  constructor(events: NativeFormat, jobId: string) {
    this.opening = events.opening;
    this.heartbeat = events.heartbeat;
    this.#events = events;
    this.#prefix = `${jobId}/`;
  }

  encode(batch: EncodedBatch): Encoded {
    batch[ENCODED] ??= encodeFrames(batch, this.#prefix);
    return batch[ENCODED];
  }

  retry(delayMs: number): Buffer {
    return this.#events.retry(delayMs);
  }
}
