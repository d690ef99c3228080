import { Readable } from 'node:stream';
import { type EventId, idOf, isTerminal, type JobRef, LOG_START } from '@millrace/contracts';
import { SseFormat, TextFormat, type WireFormat } from '@millrace/protocols';
import type { EventBatch, Followers, FollowSink } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { nameJob } from '../http/request-id.ts';
import { DisconnectLeases } from '../jobs/disconnect-leases.ts';
import { StalledReaders } from '../server/stalled-readers.ts';
import type { ApiSettings } from '../settings.ts';
import { FOLLOWERS, SETTINGS } from '../tokens.ts';
import { DirectChunks } from './direct-chunks.ts';
import { OpenStreams } from './open-streams.ts';
import { type SharedParts, StreamConnection, type StreamObserver, streamHeaders } from './stream-connection.ts';
import { StreamDeadlines } from './stream-deadlines.ts';

/** The media types of streams, the preferred one first. */
export const STREAM_TYPES = ['text/event-stream', 'text/plain'] as const;
export type StreamType = (typeof STREAM_TYPES)[number];

export interface StreamRequest {
  readonly job: {
    readonly ref: JobRef;
    readonly attempt: number;
    readonly onDisconnect: 'continue' | 'cancel';
  };
  readonly type: StreamType;
  /** start after this event; null: from the beginning */
  readonly after: EventId | null;
  /** the cursor belongs to another job: send a `reset` before the first event */
  readonly fresh?: boolean;
  /** this connection created the job: losing it may cancel the job */
  readonly isCreator: boolean;
  /** when the caller's credential expires, ms since the epoch; null: never */
  readonly expiresAt: number | null;
}

/** Connects a response to the events of a job: headers at once, then bytes until the job ends, the reader leaves or this
 *  node stops. It writes to the raw response: a callback for each batch, no promise for each event and reader.
 *  @see PROTOCOL.md §3 */
@Injectable()
export class Relay implements StreamObserver {
  readonly #formats: Readonly<Record<StreamType, WireFormat>>;
  readonly #shared: SharedParts;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(FOLLOWERS) private readonly followers: Followers,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
    @Inject(StreamDeadlines) private readonly deadlines: StreamDeadlines,
    @Inject(DisconnectLeases) private readonly leases: DisconnectLeases,
    @Inject(StalledReaders) stalledReaders: StalledReaders,
  ) {
    this.#shared = { observer: this, chunks: new DirectChunks(), stalledReaders };
    this.#formats = {
      'text/event-stream': new SseFormat({ retryMs: settings.MILLRACE_RETRY_MS }),
      'text/plain': new TextFormat(),
    };
  }

  /** @returns when the headers are out, or a 204 because the cursor is the job's last event
   *  @throws JobNotFound, LogExpired before anything was sent */
  async open(reply: FastifyReply, request: StreamRequest): Promise<void> {
    const { job, type, after, isCreator, expiresAt, fresh = false } = request;
    const jobId = idOf(job.ref);
    nameJob(reply, jobId);
    const lease = this.leases.acquire(job, { isCreator });
    const connection = new StreamConnection({
      jobId,
      reply,
      format: this.#formats[type],
      lease,
      shared: this.#shared,
    });
    this.streams.add(connection);
    if (reply.raw.destroyed) {
      connection.release(); // the reader left while the job was looked up
      return;
    }
    try {
      const from = after ?? firstEvent(job, type);
      const following = await this.followers.follow(job.ref, { after: from, sink: connection, fresh });
      connection.feedFrom(following);
      if (following.alreadyEnded) {
        connection.release();
        reply.code(204).send();
        return;
      }
    } catch (error) {
      connection.release();
      throw error;
    }
    if (connection.closed) return;
    connection.start();
    if (expiresAt !== null) this.deadlines.add(connection, expiresAt);
    this.streams.attached(connection, after);
  }

  /** Answers like `open`, without a body: for HEAD.
   *  @throws JobNotFound, LogExpired */
  async describe(
    reply: FastifyReply,
    { job, type, after }: Pick<StreamRequest, 'job' | 'type' | 'after'>,
  ): Promise<void> {
    nameJob(reply, idOf(job.ref));
    const following = await this.followers.follow(job.ref, { after: after ?? firstEvent(job, type), sink: NOBODY });
    following.close();
    if (following.alreadyEnded) reply.code(204);
    else reply.headers(streamHeaders(this.#formats[type]));
    // a stream, because Fastify would add a Content-Length to anything else
    void reply.send(Readable.from([]));
  }

  relayed(connection: StreamConnection, batch: EventBatch, bytes: number): void {
    this.streams.relayed(connection, batch, bytes);
    if (endsJob(batch)) connection.lease.jobEnded();
  }

  closed(connection: StreamConnection): void {
    this.streams.remove(connection);
    this.deadlines.remove(connection);
    connection.lease.readerLost();
  }
}

const NOBODY: FollowSink = { batch: () => false, end: () => undefined };

/** Where a whole answer begins. Plain text cannot take back what a reset voids, so it begins with the current attempt. */
function firstEvent({ attempt }: { attempt: number }, type: StreamType): EventId {
  return type === 'text/plain' && attempt > 1 ? `${attempt}-0` : LOG_START;
}

function endsJob(batch: EventBatch): boolean {
  const last = batch.events.at(-1);
  return last !== undefined && isTerminal(last.type);
}
