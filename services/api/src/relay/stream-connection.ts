import type { OutgoingHttpHeaders } from 'node:http';
import {
  type Encoded,
  UnframableEvent,
  type WireEncoder,
  type WireFormat,
  type WireOutcome,
} from '@millrace/protocols';
import type { EventBatch, Following, FollowSink } from '@millrace/stream-log';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Watch } from '../jobs/disconnect-leases.ts';
import { tookNothing } from '../server/stalled-readers.ts';
import { ResponseBody } from './response-body.ts';

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
  saidText = false;
  reason: CloseReason = 'lost';
  /** what was thrown while a batch was taken: a fault of ours */
  fault: unknown = null;
  readonly #reply: FastifyReply;
  readonly #body: ResponseBody;
  readonly #format: WireFormat;
  readonly #encoder: WireEncoder;
  readonly #observer: StreamObserver;
  #following: Following | null = null;
  #outcome: WireOutcome = 'continue';
  #closed = false;

  constructor({ jobId, reply, format, watch, observer }: ConnectionOptions) {
    this.jobId = jobId;
    this.watch = watch;
    this.#reply = reply;
    this.#body = new ResponseBody(reply.raw, () => this.#drained());
    this.#format = format;
    this.#encoder = format.connect();
    this.#observer = observer;
    // on the response, never the request: a request closes when its body has been read (law 9)
    reply.raw.on('close', () => this.release());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** whether the headers are out: before, the request can still be answered in another way */
  get started(): boolean {
    return this.#body.begun;
  }

  /** Sends the headers, so that the id is known before the first token. Idempotent. */
  start(): void {
    if (this.#body.begun || this.#closed) return;
    const reply = this.#reply;
    reply.hijack();
    reply.headers(streamHeaders(this.#format));
    // a hijacked reply sends none of the headers that Fastify holds for it (ids, CORS), unless they are handed over;
    // all at once, since Node would keep a copy of single ones
    this.#body.begin(reply.getHeaders() as OutgoingHttpHeaders, this.#encoder.opening);
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
    const { isBlocked, begun, ended } = this.#body;
    if (heartbeat !== null && !isBlocked && begun && !ended) this.#body.write(heartbeat);
  }

  /** Ends the body without a terminal event: the client comes back, not before `retryMs` where the format can say so.
   *  Where nothing but a clean end could be said, the connection is broken off instead. */
  close(reason: CloseReason, retryMs?: number): void {
    if (this.#closed || this.#body.ended) return;
    this.reason = reason;
    const retry = this.#encoder.retry(retryMs ?? 0);
    // the rest of a half-written frame would never be read to its end
    if (retry === null || this.#body.isMidway || !this.#body.begun) this.#body.breakOff();
    else this.#body.end(retryMs === undefined ? undefined : retry);
  }

  /** Breaks the connection off. */
  abort(reason: CloseReason): void {
    if (this.#closed) return;
    this.reason = reason;
    this.#body.breakOff();
  }

  /** Lets go of everything; the response itself is somebody else's, or gone. */
  release(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (tookNothing(this.#reply.raw.req.socket)) this.reason = 'stalled';
    this.#body.release();
    this.#following?.close();
    this.#observer.closed(this);
  }

  #take(batch: EventBatch): boolean {
    if (this.#closed || this.#body.ended || this.#outcome !== 'continue') return false;
    this.start();
    const encoded = this.#encode(batch);
    if (encoded === null) return false;
    const { bytes, outcome } = encoded;
    this.#outcome = outcome;
    this.#observer.relayed(this, batch, bytes?.length ?? 0);
    if (outcome === 'end' && this.#body.takesWhole(bytes)) {
      this.#conclude(bytes);
      return false;
    }
    // a `reset` after a loss of the log comes even to a reader who is full
    if (!this.#body.write(bytes)) return false;
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

  #drained(): void {
    if (this.#closed) return;
    this.#conclude();
    if (this.#outcome === 'continue') this.#following?.resume();
  }

  #conclude(lastBytes?: Buffer): void {
    if (this.#outcome === 'continue') return;
    this.reason = this.#outcome === 'end' ? 'finished' : 'aborted';
    if (this.#outcome === 'end') this.#body.end(lastBytes);
    else this.#body.breakOff();
  }
}

/** What every stream says of itself, to caches and to nginx. @see PROTOCOL.md §2 */
export function streamHeaders({ contentType }: WireFormat): Readonly<Record<string, string>> {
  return { 'Content-Type': contentType, 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' };
}

/** Fastify keeps a request until its answer ends. What nobody reads any more, a conversation of a megabyte perhaps, is not
 *  to stay for as long as a stream. */
function forget(request: FastifyRequest): void {
  request.body = undefined;
  request.raw.headers = {};
  request.raw.rawHeaders = [];
}
