import type { LogPosition, StreamFormat } from '@millrace/protocols';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { Relay } from './relay.ts';

interface StreamJobCommand extends NamedJob {
  readonly format: StreamFormat;
  readonly from: LogPosition | null;
  /** whether losing this reader may cancel the job, as if it had made it; false unless told */
  readonly cancels?: boolean;
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
  async run(reply: FastifyReply, { format, from, cancels = false, ...named }: StreamJobCommand): Promise<void> {
    if (reply.request.method === 'HEAD') {
      await this.relay.describe(reply, { job: await this.access.get(named), format, from });
      return;
    }
    const { caller } = named;
    this.quota.acquire(reply, caller);
    const job = await this.access.get(named);
    const followed = cancels ? { ...job, onDisconnect: 'cancel' as const } : job;
    await this.relay.open(reply, { job: followed, format, from, isCreator: cancels, credential: caller.credential });
  }
}
