import { Readable } from 'node:stream';
import { type EventId, isTerminal, type JobRef, LOG_START } from '@millrace/contracts';
import { SseFormat, TextFormat, type WireFormat } from '@millrace/protocols';
import type { EventBatch, Followers, FollowSink } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { nameJob } from '../http/request-id.ts';
import { WatchLeases } from '../jobs/disconnect-leases.ts';
import type { ApiSettings } from '../settings.ts';
import { FOLLOWERS, SETTINGS } from '../tokens.ts';
import { OpenStreams } from './open-streams.ts';
import { StreamConnection, type StreamObserver, streamHeaders } from './stream-connection.ts';

/** The media types that a stream may have, the preferred one first. */
export const STREAM_TYPES = ['text/event-stream', 'text/plain'] as const;
export type StreamType = (typeof STREAM_TYPES)[number];

export interface StreamRequest {
  readonly job: {
    readonly ref: JobRef;
    readonly id: string;
    readonly attempt: number;
    readonly onDisconnect: 'continue' | 'cancel';
  };
  readonly type: StreamType;
  /** start after this event; null: from the beginning */
  readonly after: EventId | null;
  /** the reader comes with a cursor of another job: a `reset` stands before the first event */
  readonly fresh?: boolean;
  /** this connection made the job: losing it may cancel the job */
  readonly isCreator: boolean;
}

/** Connects a response to a job's events: headers at once, then bytes until the job's end, the reader's or ours.
 *  It writes to the raw response: a callback per batch, no promise per event and reader. @see PROTOCOL.md §3 */
@Injectable()
export class Relay implements StreamObserver {
  readonly #formats: Readonly<Record<StreamType, WireFormat>>;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(FOLLOWERS) private readonly followers: Followers,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
    @Inject(WatchLeases) private readonly leases: WatchLeases,
  ) {
    this.#formats = {
      'text/event-stream': new SseFormat({ retryMs: settings.MILLRACE_RETRY_MS }),
      'text/plain': new TextFormat(),
    };
  }

  /** @returns when the headers are out, or 204 because the cursor is the job's last event
   *  @throws JobNotFound, LogExpired before anything was sent */
  async open(reply: FastifyReply, { job, type, after, isCreator, fresh = false }: StreamRequest): Promise<void> {
    nameJob(reply, job.id);
    const watch = this.leases.watch(job, { isCreator });
    const connection = new StreamConnection({
      jobId: job.id,
      reply,
      format: this.#formats[type],
      watch,
      observer: this,
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
    this.streams.attached(connection, after);
  }

  /** Says what `open` would, and attaches nobody: for HEAD.
   *  @throws JobNotFound, LogExpired */
  async describe(reply: FastifyReply, { job, type, after }: Omit<StreamRequest, 'isCreator'>): Promise<void> {
    nameJob(reply, job.id);
    const following = await this.followers.follow(job.ref, { after: after ?? firstEvent(job, type), sink: NOBODY });
    following.close();
    if (following.alreadyEnded) reply.code(204);
    else reply.headers(streamHeaders(this.#formats[type]));
    // a stream, since of anything else Fastify would tell the length; a stream of events has none
    void reply.send(Readable.from([]));
  }

  relayed(connection: StreamConnection, batch: EventBatch, bytes: number): void {
    this.streams.relayed(connection, batch, bytes);
    if (endsJob(batch)) connection.watch.jobEnded();
  }

  closed(connection: StreamConnection): void {
    this.streams.remove(connection);
    connection.watch.end();
  }
}

const NOBODY: FollowSink = { batch: () => false, end: () => undefined };

/** Where a whole answer begins. Bare text cannot take back what a reset voids: it begins with the current attempt. */
function firstEvent({ attempt }: { attempt: number }, type: StreamType): EventId {
  return type === 'text/plain' && attempt > 1 ? `${attempt}-0` : LOG_START;
}

function endsJob(batch: EventBatch): boolean {
  const last = batch.events.at(-1);
  return last !== undefined && isTerminal(last.type);
}
