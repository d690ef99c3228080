import type { OutgoingHttpHeaders } from 'node:http';
import {
  type Encoded,
  type StreamEncoder,
  type StreamFormat,
  type StreamOutcome,
  UnframableEvent,
} from '@millrace/protocols';
import type { EventBatch, EventSink, Subscription } from '@millrace/stream-log';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { recordedTraceOf } from '../http/request-trace.ts';
import type { DisconnectLease } from '../jobs/disconnect-leases.ts';
import type { StalledReaders } from '../server/stalled-readers.ts';
import type { DirectChunks } from './direct-chunks.ts';
import { ResponseBody } from './response-body.ts';

/** Why a connection ended: `finished`: the body ended cleanly; `aborted`: the format broke it off; `stalled`: the reader
 *  took nothing; `drained`: this node stops; `expired`: the credential expired; `corrupt`: the log cannot be framed;
 *  `failed`: a fault of this service; `lost`: the other side closed it. */
export type CloseReason = 'finished' | 'aborted' | 'stalled' | 'drained' | 'expired' | 'corrupt' | 'failed' | 'lost';

export interface StreamObserver {
  /** events were written, or will be as soon as the reader has room */
  relayed(connection: StreamConnection, batch: EventBatch, bytes: number): void;
  /** the response is gone; called once, last */
  closed(connection: StreamConnection): void;
}

/** What all connections of a process share. */
export interface SharedParts {
  readonly observer: StreamObserver;
  readonly chunks: DirectChunks;
  readonly stalledReaders: Pick<StalledReaders, 'hasDisconnected'>;
}

/** What a log line says of a stream: the ids of its request and, if it follows one, its thread. */
export interface StreamNames {
  readonly requestId: string;
  readonly threadId?: string;
}

/** Where the events of a connection come from. */
export type EventSource = Pick<Subscription, 'resume' | 'close'>;

export interface ConnectionOptions {
  readonly names: StreamNames;
  readonly reply: FastifyReply;
  readonly format: Pick<StreamFormat, 'contentType'>;
  readonly encoder: StreamEncoder;
  readonly lease: DisconnectLease;
  readonly shared: SharedParts;
}

/** The response of one reader: events in, bytes out, at the reader's pace.
 *
 *  It holds at most one encoded batch that the socket has no room for, shared with other readers of the job. Then `batch`
 *  returns false, and the follower reads on in the log when there is room again (law 10). */
export class StreamConnection implements EventSink {
  readonly names: StreamNames;
  /** keeps the job alive, if it ends without readers */
  readonly lease: DisconnectLease;
  readonly openedAt = performance.now();
  hasSentText = false;
  reason: CloseReason = 'lost';
  /** the error that `batch` threw: a fault of this service */
  fault: unknown = null;
  readonly #reply: FastifyReply;
  readonly #body: ResponseBody;
  readonly #format: Pick<StreamFormat, 'contentType'>;
  readonly #encoder: StreamEncoder;
  readonly #shared: SharedParts;
  #source: EventSource | null = null;
  #outcome: StreamOutcome = 'continue';
  #closed = false;

  constructor({ names, reply, format, encoder, lease, shared }: ConnectionOptions) {
    this.names = names;
    this.lease = lease;
    this.#reply = reply;
    this.#body = new ResponseBody(reply.raw, shared.chunks, () => this.#drained());
    this.#format = format;
    this.#encoder = encoder;
    this.#shared = shared;
    // on the response, never the request: a request closes when its body has been read (law 9)
    reply.raw.on('close', () => this.release());
  }

  /** of the recorded trace of its request; undefined: none */
  get traceId(): string | undefined {
    return recordedTraceOf(this.#reply);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether its client takes a lost connection for a failure, and does not come back for the rest by itself. */
  get isUnresumable(): boolean {
    return this.#encoder.cleanEndMeansSuccess;
  }

  /** whether the headers are out. Until then the request can still be answered differently */
  get started(): boolean {
    return this.#body.begun;
  }

  /** Sends the headers, so that the id is known before the first token. Idempotent. */
  start(): void {
    if (this.#body.begun || this.#closed) return;
    const reply = this.#reply;
    reply.hijack();
    reply.headers(streamHeaders(this.#format));
    // a hijacked reply does not send the headers that Fastify holds (ids, CORS), so they are handed over; all at once,
    // because Node keeps a copy of single ones
    this.#body.begin(reply.getHeaders() as OutgoingHttpHeaders, this.#encoder.opening);
    dropRequestData(reply.request);
  }

  /** Attaches the source of events. The reader may be gone by now. */
  feedFrom(source: EventSource): void {
    this.#source = source;
    if (this.#closed) source.close();
  }

  /** @throws an unexpected error; the follower then ends this reader as `failed` */
  batch(batch: EventBatch): boolean {
    try {
      return this.#write(batch);
    } catch (error) {
      this.fault = error;
      throw error;
    }
  }

  end(reason: 'terminal' | 'closed' | 'failed'): void {
    // `batch` had the terminal event and ended the body; without one the client reconnects
    if (reason === 'closed') this.close('drained');
    if (reason === 'failed') this.abort('failed');
  }

  /** Sends a heartbeat, unless data is waiting for the reader anyway. */
  beat(): void {
    const { heartbeat } = this.#encoder;
    const { isBlocked, begun, ended } = this.#body;
    if (heartbeat !== null && !isBlocked && begun && !ended) this.#body.write(heartbeat);
  }

  /** Ends the stream because its credential expired. */
  expire(): void {
    this.close('expired');
  }

  /** Ends the body without a terminal event, so that the client reconnects. A format whose clients take a clean end for
   *  success has the connection broken off instead.
   *  @param retryMs how long the client should wait, if the format can say so, milliseconds */
  close(reason: CloseReason, retryMs?: number): void {
    if (this.#closed || this.#body.ended) return;
    this.reason = reason;
    // the reader would never get the rest of a half-written frame
    if (this.#encoder.cleanEndMeansSuccess || this.#body.isMidway || !this.#body.begun) this.#body.breakOff();
    else this.#body.end(retryMs === undefined ? undefined : (this.#encoder.retry(retryMs) ?? undefined));
  }

  /** Breaks the connection off. */
  abort(reason: CloseReason): void {
    if (this.#closed) return;
    this.reason = reason;
    this.#body.breakOff();
  }

  /** Lets go of everything but the response, which is gone or answered by others. */
  release(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#shared.stalledReaders.hasDisconnected(this.#reply.raw.req.socket)) this.reason = 'stalled';
    this.#body.release();
    this.#source?.close();
    this.#shared.observer.closed(this);
  }

  #write(batch: EventBatch): boolean {
    if (this.#closed || this.#body.ended || this.#outcome !== 'continue') return false;
    this.start();
    const encoded = this.#encode(batch);
    if (encoded === null) return false;
    const { bytes, outcome } = encoded;
    this.#outcome = outcome;
    this.#shared.observer.relayed(this, batch, bytes?.length ?? 0);
    if (outcome === 'end' && this.#body.takesWhole(bytes)) {
      this.#conclude(bytes);
      return false;
    }
    // a `reset` after a lost log reaches even a full reader
    if (!this.#body.write(bytes)) return false;
    this.#conclude();
    return outcome === 'continue';
  }

  /** @returns null if an event would break out of its frame, which only a corrupt log holds */
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
    if (this.#outcome === 'continue') this.#source?.resume();
  }

  #conclude(lastBytes?: Buffer): void {
    if (this.#outcome === 'continue') return;
    this.reason = this.#outcome === 'end' ? 'finished' : 'aborted';
    if (this.#outcome === 'end') this.#body.end(lastBytes);
    else this.#body.breakOff();
  }
}

/** The headers of every stream, for caches and nginx. @see PROTOCOL.md §2 */
export function streamHeaders({ contentType }: Pick<StreamFormat, 'contentType'>): Readonly<Record<string, string>> {
  return { 'Content-Type': contentType, 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' };
}

/** Fastify keeps a request until its answer ends. Its body, perhaps a conversation of a megabyte, and its headers must not
 *  stay as long as a stream. */
function dropRequestData(request: FastifyRequest): void {
  request.body = undefined;
  const { headers, rawHeaders } = request.raw;
  for (const name of Object.keys(headers)) delete headers[name];
  rawHeaders.length = 0;
}
