import type { LogPosition, StreamFormat } from '@millrace/protocols';
import type { JobOutline } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { traceRequest } from '../http/request-trace.ts';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { Relay } from './relay.ts';

/** How a reader is told, and from where on. */
interface Beginning {
  readonly format: StreamFormat;
  readonly from: LogPosition | null;
}

interface StreamJobCommand extends NamedJob, Beginning {
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
    await this.runFrom(reply, { ...named, cancels }, () => ({ format, from }));
  }

  /** Attaches a reader for whom it depends on the job how it begins.
   *  @param begin is given the job as it is; null: it has answered
   *  @throws as {@link run} */
  async runFrom(
    reply: FastifyReply,
    { cancels = false, ...named }: Omit<StreamJobCommand, keyof Beginning>,
    begin: (job: JobOutline) => Beginning | null | Promise<Beginning | null>,
  ): Promise<void> {
    const { caller } = named;
    // side by side, so that the count costs no time
    const [job] = await Promise.all([this.access.get(named), this.quota.acquire(reply, caller)]);
    const beginning = await begin(job);
    if (beginning === null) return;
    traceRequest(reply.request, reply, job.traceparent).resumes(beginning.from?.after ?? null);
    const followed = cancels ? { ...job, onDisconnect: 'cancel' as const } : job;
    await this.relay.open(reply, { ...beginning, job: followed, isCreator: cancels, credential: caller.credential });
  }
}
