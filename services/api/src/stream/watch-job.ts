import type { EventId } from '@millrace/contracts';
import type { JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Caller, reachOf } from '../auth/caller.ts';
import { UnknownJob } from '../http/problem.ts';
import { JOB_READER } from '../tokens.ts';
import { Relay, type StreamType } from './relay.ts';

interface WatchRequest {
  readonly id: string;
  readonly caller: Caller;
  readonly type: StreamType;
  readonly after: EventId | null;
}

/** Attaches a reader to a job that is there. @see PROTOCOL.md §4 */
@Injectable()
export class WatchJob {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(Relay) private readonly relay: Relay,
  ) {}

  /** @throws UnknownJob, LogExpired */
  async run(reply: FastifyReply, { id, caller, type, after }: WatchRequest): Promise<void> {
    const job = await this.reader.get(id);
    const reach = reachOf(caller);
    if (job === null || (reach !== null && job.tenant !== reach)) throw new UnknownJob();
    await this.relay.open(reply, { job, type, after, isCreator: false });
  }
}
