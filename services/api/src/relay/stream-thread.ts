import type { ThreadEncoder } from '@millrace/protocols';
import type { Subscribers } from '@millrace/stream-log';
import type { ThreadTopics } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { requestIdOf } from '../http/request-id.ts';
import { DisconnectLeases } from '../jobs/disconnect-leases.ts';
import { JobFinder } from '../jobs/job-finder.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { type NamedThread, ThreadAccess } from '../threads/thread-access.ts';
import { SUBSCRIBERS, THREAD_TOPICS } from '../tokens.ts';
import { Relay } from './relay.ts';
import { SharedOutlines } from './shared-outlines.ts';
import { ThreadFeed, type ThreadFeedParts, type ThreadStart } from './thread-feed.ts';
import { ThreadLease } from './thread-lease.ts';

interface StreamThreadCommand extends NamedThread {
  readonly format: { readonly contentType: string };
  /** of this connection */
  readonly encoder: ThreadEncoder;
  readonly from: ThreadStart;
  /** the reader's cursor; null: none */
  readonly cursor: string | null;
  /** the header that tells a reader where it begins; left out: none does */
  readonly startHeader?: string;
}

/** Attaches a reader to a thread. HEAD only asks. @see PROTOCOL.md §10 */
@Injectable()
export class StreamThread {
  readonly #parts: ThreadFeedParts;

  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(StreamQuota) private readonly quota: StreamQuota,
    @Inject(Relay) private readonly relay: Relay,
    @Inject(THREAD_TOPICS) topics: ThreadTopics,
    @Inject(SUBSCRIBERS) subscribers: Subscribers,
    @Inject(JobFinder) finder: JobFinder,
    @Inject(DisconnectLeases) leases: DisconnectLeases,
  ) {
    this.#parts = { topics, turns: topics.turns, subscribers, outlines: new SharedOutlines(finder), leases };
  }

  /** @throws TooManyStreams, ThreadNotFound, AmbiguousId */
  async run(
    reply: FastifyReply,
    { format, encoder, from, cursor, startHeader, ...named }: StreamThreadCommand,
  ): Promise<void> {
    const { ref } = await this.access.get(named);
    const { threadId, caller } = named;
    if (reply.request.method === 'HEAD') {
      this.relay.sendHead(reply, format);
      return;
    }
    await this.quota.acquire(reply, caller);
    const lease = new ThreadLease();
    await this.relay.connect(reply, {
      names: { requestId: requestIdOf(reply.request, reply), threadId },
      format,
      encoder,
      lease,
      credential: caller.credential,
      cursor,
      follow: async (connection) => {
        // the next text may be hours away: that is no measure of this service
        connection.hasSentText = true;
        const feed = new ThreadFeed({ ref, connection, encoder, lease, parts: this.#parts });
        // at once: the reader may be full, and have room again, before the feed has begun
        connection.feedFrom(feed);
        const start = await feed.begin(from);
        if (startHeader !== undefined) reply.header(startHeader, start);
        feed.run();
        return feed;
      },
    });
  }
}
