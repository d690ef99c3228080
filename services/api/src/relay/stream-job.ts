import type { EventId } from '@millrace/contracts';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { Relay, type StreamType } from './relay.ts';

interface StreamJobCommand extends NamedJob {
  readonly type: StreamType;
  readonly after: EventId | null;
}

/** Attaches a reader to an existing job. HEAD only asks. @see PROTOCOL.md §4 */
@Injectable()
export class StreamJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(StreamQuota) private readonly quota: StreamQuota,
    @Inject(Relay) private readonly relay: Relay,
  ) {}

  /** @throws TooManyStreams, UnknownJob, AmbiguousId, LogExpired */
  async run(reply: FastifyReply, { type, after, ...named }: StreamJobCommand): Promise<void> {
    if (reply.request.method === 'HEAD') {
      await this.relay.describe(reply, { job: await this.access.get(named), type, after });
      return;
    }
    const { caller } = named;
    this.quota.acquire(reply, caller);
    const job = await this.access.get(named);
    await this.relay.open(reply, { job, type, after, isCreator: false, expiresAt: caller.expiresAt });
  }
}
