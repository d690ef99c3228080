import { Readable } from 'node:stream';
import { type EventId, isTerminal, LOG_START } from '@millrace/contracts';
import type { LogPosition, StreamEncoder, StreamedJob, StreamFormat } from '@millrace/protocols';
import type { EventBatch, EventSink, FollowedJob, Place, Subscribers, Subscription } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Credential } from '../auth/caller.ts';
import { nameRequest } from '../http/request-id.ts';
import { DisconnectLeases } from '../jobs/disconnect-leases.ts';
import { StalledReaders } from '../server/stalled-readers.ts';
import { SUBSCRIBERS } from '../tokens.ts';
import { DirectChunks } from './direct-chunks.ts';
import { OpenStreams } from './open-streams.ts';
import {
  type ConnectionOptions,
  type EventSource,
  type SharedParts,
  StreamConnection,
  type StreamObserver,
  streamHeaders,
} from './stream-connection.ts';
import { StreamDeadlines } from './stream-deadlines.ts';
import { streamedJob, type ToldJob } from './streamed-job.ts';

export interface StreamRequest {
  readonly job: ToldJob & FollowedJob & { readonly attempt: number };
  readonly format: StreamFormat;
  /** where the reader's cursor stands; null: from the beginning */
  readonly from: LogPosition | null;
  /** of a job that was created for this connection: nothing of its log is read */
  readonly place?: Place | null;
  /** the cursor belongs to another job: send a `reset` before the first event */
  readonly fresh?: boolean;
  /** this connection created the job: losing it may cancel the job */
  readonly isCreator: boolean;
  readonly credential: Credential;
}

/** A response to be connected to a source of events. */
export interface ConnectRequest extends Pick<ConnectionOptions, 'names' | 'format' | 'encoder' | 'lease'> {
  readonly credential: Credential;
  /** the last event that the reader has; null: none */
  readonly cursor: string | null;
  /** starts to give events to the connection */
  readonly follow: (connection: StreamConnection) => FollowedSource | Promise<FollowedSource>;
}

type FollowedSource = EventSource & Pick<Subscription, 'alreadyEnded'>;

/** Connects a response to the events of a job: headers at once, then bytes until the job ends, the reader leaves or this
 *  node stops. It writes to the raw response: a callback for each batch, no promise for each event and reader.
 *  @see PROTOCOL.md §3 */
@Injectable()
export class Relay implements StreamObserver {
  readonly #shared: SharedParts;

  constructor(
    @Inject(SUBSCRIBERS) private readonly subscribers: Subscribers,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
    @Inject(StreamDeadlines) private readonly deadlines: StreamDeadlines,
    @Inject(DisconnectLeases) private readonly leases: DisconnectLeases,
    @Inject(StalledReaders) stalledReaders: StalledReaders,
  ) {
    this.#shared = { observer: this, chunks: new DirectChunks(), stalledReaders };
  }

  /** @returns when the headers are out, or a 204 because the cursor is the job's last event
   *  @throws JobNotFound, LogExpired before anything was sent */
  open(reply: FastifyReply, request: StreamRequest): Promise<void> {
    const { job, format, from, isCreator, credential, place, fresh = false } = request;
    const streamed = nameStream(reply, request);
    const encoder = format.connect(streamed, from ?? undefined);
    return this.connect(reply, {
      names: { requestId: streamed.id },
      format,
      encoder,
      lease: this.leases.acquire(job, { isCreator }),
      credential,
      cursor: from?.after ?? null,
      follow: (sink) => {
        const after = from?.after ?? startOf(job, encoder);
        return place ? place.follow(sink, { fresh }) : this.subscribers.follow(job, { after, sink, fresh });
      },
    });
  }

  /** Connects a response to any source of events.
   *  @returns when the headers are out, or a 204 because nothing will come
   *  @throws what `follow` throws, before anything was sent */
  async connect(reply: FastifyReply, { credential, cursor, follow, ...parts }: ConnectRequest): Promise<void> {
    const connection = new StreamConnection({ ...parts, reply, shared: this.#shared });
    this.streams.add(connection);
    if (reply.raw.destroyed) {
      connection.release(); // the reader left before
      return;
    }
    try {
      const source = await follow(connection);
      connection.feedFrom(source);
      if (source.alreadyEnded) {
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
    this.deadlines.add(connection, credential);
    this.streams.attached(connection, cursor);
  }

  /** Answers like `open`, without a body: for HEAD.
   *  @throws JobNotFound, LogExpired */
  async describe(reply: FastifyReply, request: Pick<StreamRequest, 'job' | 'format' | 'from'>): Promise<void> {
    const { job, format, from } = request;
    const after = from?.after ?? startOf(job, format.connect(nameStream(reply, request)));
    const subscription = await this.subscribers.follow(job, { after, sink: NOBODY });
    subscription.close();
    if (subscription.alreadyEnded) reply.code(204).send();
    else this.sendHead(reply, format);
  }

  /** Answers with the head of a stream alone. */
  sendHead(reply: FastifyReply, format: Pick<StreamFormat, 'contentType'>): void {
    reply.headers(streamHeaders(format));
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

const NOBODY: EventSink = { batch: () => false, end: () => undefined };

/** Puts the job's id, and what the format says of it, into the head of the answer. */
function nameStream(reply: FastifyReply, { job, format }: Pick<StreamRequest, 'job' | 'format'>): StreamedJob {
  const streamed = streamedJob(job);
  nameRequest(reply, streamed.id);
  reply.headers(format.headers(streamed));
  return streamed;
}

/** Where a whole answer begins. */
function startOf({ attempt }: { attempt: number }, { begins }: StreamEncoder): EventId {
  return begins === 'attempt' && attempt > 1 ? `${attempt}-0` : LOG_START;
}

function endsJob(batch: EventBatch): boolean {
  const last = batch.events.at(-1);
  return last !== undefined && isTerminal(last.type);
}
