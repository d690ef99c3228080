import type { LogPosition, StreamFormat } from '@millrace/protocols';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { Relay } from './relay.ts';

interface StreamJobCommand extends NamedJob {
  readonly format: StreamFormat;
  readonly from: LogPosition | null;
}

/** Attaches a reader to an existing job. HEAD only asks. @see PROTOCOL.md §4 */
@Injectable()
export class StreamJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(StreamQuota) private readonly quota: StreamQuota,
    @Inject(Relay) private readonly relay: Relay,
  ) {}

  /** @throws TooManyStreams, JobNotFound, AmbiguousId, LogExpired */
  async run(reply: FastifyReply, { format, from, ...named }: StreamJobCommand): Promise<void> {
    if (reply.request.method === 'HEAD') {
      await this.relay.describe(reply, { job: await this.access.get(named), format, from });
      return;
    }
    const { caller } = named;
    this.quota.acquire(reply, caller);
    const job = await this.access.get(named);
    await this.relay.open(reply, { job, format, from, isCreator: false, credential: caller.credential });
  }
}
