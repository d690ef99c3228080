import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { EventBatch, Following, FollowSink } from '@millrace/stream-log';
import { type Encoded, UnframableEvent, type WireEncoder, type WireFormat, type WireOutcome } from '@millrace/wire';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Watch } from './watch-leases.ts';

/** The most that is handed to the socket at once. A larger frame goes in slices: a reader who is slow but alive is
 *  told from one who takes nothing, and Node's own buffer stays this small. */
const SLICE_BYTES = 64 * 1024;

/** Why a connection ended: `finished` after a clean end of the body, `aborted` broken off by the format,
 *  `stalled` by a reader who took nothing, `drained` at shutdown, `corrupt` by a log that cannot be framed, `failed` by
 *  a fault of ours, `lost` by the other side. */
export type CloseReason = 'finished' | 'aborted' | 'stalled' | 'drained' | 'corrupt' | 'failed' | 'lost';

export interface StreamObserver {
  /** events were written (or will be, as soon as the reader has room) */
  relayed(connection: StreamConnection, batch: EventBatch, bytes: number): void;
  /** the response is gone, whoever ended it; called once, last */
  closed(connection: StreamConnection): void;
}

interface ConnectionOptions {
  readonly jobId: string;
  readonly reply: FastifyReply;
  readonly format: WireFormat;
  readonly watch: Watch;
  /** one for all connections */
  readonly observer: StreamObserver;
}

/** One reader's response: events in, bytes out, at the reader's pace.
 *
 *  It holds at most one encoded batch that the socket has no room for, shared with the job's other readers: beyond it,
 *  `batch` answers false and the follower reads on in the log when there is room again (law 10). */
export class StreamConnection implements FollowSink {
  readonly jobId: string;
  /** its part in keeping the job alive */
  readonly watch: Watch;
  readonly openedAt = performance.now();
  /** since when the reader has taken nothing although something waits, ms of performance.now(); null: nothing waits */
  blockedSince: number | null = null;
  saidText = false;
  reason: CloseReason = 'lost';
  /** what was thrown while a batch was taken: a fault of ours */
  fault: unknown = null;
  readonly #reply: FastifyReply;
  readonly #response: ServerResponse;
  readonly #format: WireFormat;
  readonly #encoder: WireEncoder;
  readonly #observer: StreamObserver;
  #following: Following | null = null;
  #rest: Buffer | null = null;
  #outcome: WireOutcome = 'continue';
  #closed = false;

  constructor({ jobId, reply, format, watch, observer }: ConnectionOptions) {
    this.jobId = jobId;
    this.watch = watch;
    this.#reply = reply;
    this.#response = reply.raw;
    this.#format = format;
    this.#encoder = format.connect();
    this.#observer = observer;
    // on the response, never the request: a request closes when its body has been read (law 9)
    this.#response.on('close', () => this.release());
    this.#response.on('drain', () => this.#drained());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** whether the headers are out: before, the request can still be answered in another way */
  get started(): boolean {
    return this.#response.headersSent;
  }

  /** Sends the headers, so that the id is known before the first token. Idempotent. */
  start(): void {
    if (this.#response.headersSent || this.#closed) return;
    const reply = this.#reply;
    reply.hijack();
    reply.headers({
      'Content-Type': this.#format.contentType,
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no',
    });
    // a hijacked reply sends none of the headers that Fastify holds for it (ids, CORS), unless they are handed over;
    // all at once, since Node would keep a copy of single ones
    this.#response.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders);
    // headers go with the first bytes of the body, or by themselves where there are none yet
    if (this.#encoder.opening === null) this.#response.flushHeaders();
    else this.#response.write(this.#encoder.opening);
    forget(reply.request);
  }

  /** Attaches what feeds this connection. The reader may be gone by now. */
  feedFrom(following: Following): void {
    this.#following = following;
    if (this.#closed) following.close();
  }

  /** @throws what nobody foresaw; the follower then ends this reader as `failed` */
  batch(batch: EventBatch): boolean {
    try {
      return this.#take(batch);
    } catch (error) {
      this.fault = error;
      throw error;
    }
  }

  end(reason: 'terminal' | 'closed' | 'failed'): void {
    // the terminal event has been given to `batch`, which knows how its format ends; without one the client comes back
    if (reason === 'closed') this.close('drained');
    if (reason === 'failed') this.abort('failed');
  }

  /** Says "still here", unless something is waiting to be read anyway. */
  beat(): void {
    const { heartbeat } = this.#encoder;
    const { headersSent, writableEnded } = this.#response;
    if (heartbeat === null || this.blockedSince !== null || !headersSent || writableEnded) return;
    this.#rest = heartbeat;
    this.#write();
  }

  /** Ends the body without a terminal event: the client comes back, not before `retryMs` where the format can say so.
   *  Where nothing but a clean end could be said, the connection is broken off instead. */
  close(reason: CloseReason, retryMs?: number): void {
    if (this.#closed || this.#response.writableEnded) return;
    this.reason = reason;
    const retry = this.#encoder.retry(retryMs ?? 0);
    // the rest of a half-written frame would never be read to its end
    if (retry === null || this.#rest !== null || !this.#response.headersSent) this.#response.destroy();
    else this.#endBody(retryMs === undefined ? undefined : retry);
  }

  /** Breaks the connection off. */
  abort(reason: CloseReason): void {
    if (this.#closed) return;
    this.reason = reason;
    this.#breakOff();
  }

  /** Lets go of everything; the response itself is somebody else's, or gone. */
  release(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest = null;
    this.#following?.close();
    this.#observer.closed(this);
  }

  #take(batch: EventBatch): boolean {
    if (this.#closed || this.#response.writableEnded || this.#outcome !== 'continue') return false;
    this.start();
    const encoded = this.#encode(batch);
    if (encoded === null) return false;
    const { bytes, outcome } = encoded;
    this.#outcome = outcome;
    this.#observer.relayed(this, batch, bytes?.length ?? 0);
    // a `reset` after a loss of the log comes even to a reader who is full
    this.#rest = this.#rest === null || bytes === null ? (this.#rest ?? bytes) : Buffer.concat([this.#rest, bytes]);
    if (this.blockedSince !== null || !this.#write()) return false;
    this.#conclude();
    return outcome === 'continue';
  }

  /** @returns null for a batch that would break out of its frame: only a corrupt log holds one, and nobody gets it */
  #encode(batch: EventBatch): Encoded | null {
    try {
      return this.#encoder.encode(batch);
    } catch (error) {
      if (!(error instanceof UnframableEvent)) throw error;
      this.abort('corrupt');
      return null;
    }
  }

  /** No clean end: HTTP/1.1 readers miss the last chunk; to HTTP/1.0 the mere end is clean, so they get a reset. */
  #breakOff(): void {
    if (this.#response.req.httpVersionMinor === 0) this.#response.socket?.resetAndDestroy();
    else this.#response.destroy();
  }

  /** @returns false when the socket is full */
  #write(): boolean {
    while (this.#rest !== null) {
      const slice = this.#rest.length <= SLICE_BYTES ? this.#rest : this.#rest.subarray(0, SLICE_BYTES);
      this.#rest = slice.length < this.#rest.length ? this.#rest.subarray(slice.length) : null;
      if (this.#response.write(slice)) continue;
      this.blockedSince = performance.now();
      return false;
    }
    return true;
  }

  #drained(): void {
    this.blockedSince = null;
    if (this.#closed || !this.#write()) return;
    this.#conclude();
    if (this.#outcome === 'continue') this.#following?.resume();
  }

  #conclude(): void {
    if (this.#outcome === 'continue') return;
    this.reason = this.#outcome === 'end' ? 'finished' : 'aborted';
    if (this.#outcome === 'end') this.#endBody();
    else this.#breakOff();
  }

  #endBody(lastBytes?: Buffer): void {
    this.#response.end(lastBytes);
    // until it has been taken: a reader who does not is cut off like any other
    this.blockedSince = performance.now();
  }
}

/** Fastify keeps a request until its answer ends. What nobody reads any more, a conversation of a megabyte perhaps, is not
 *  to stay for as long as a stream. */
function forget(request: FastifyRequest): void {
  request.body = undefined;
  request.raw.headers = {};
  request.raw.rawHeaders = [];
}
