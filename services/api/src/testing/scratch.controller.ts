import { requestOf, scratchFormat } from '@millrace/protocols/testing';
import { Body, Controller, Get, Inject, Module, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { InvalidCursor } from '../http/problem.ts';
import { requestIdOf } from '../http/request-id.ts';
import { CreateJob } from '../jobs/create-job.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { RelayModule } from '../relay/relay.module.ts';
import { Relay } from '../relay/relay.ts';
import { StreamJob } from '../relay/stream-job.ts';

/** The scratch protocol of tests: what a protocol needs beside its folder in `packages/protocols`. */
@Controller('scratch')
class ScratchController {
  constructor(
    @Inject(CreateJob) private readonly createJob: CreateJob,
    @Inject(StreamJob) private readonly streamJob: StreamJob,
    @Inject(Relay) private readonly relay: Relay,
  ) {}

  @Post()
  @Requires('job:create')
  async ask(
    @Body() { question }: { question: string },
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const ids = { jobId: requestIdOf(request, reply), isChosen: false, idempotencyKey: null, traceparent: undefined };
    using job = await this.createJob.run({ caller, body: requestOf(question), ...ids, follows: true });
    const stream = { job, place: job.place, format: scratchFormat, from: null, isCreator: true };
    await Promise.all([job.enqueued, this.relay.open(reply, { ...stream, expiresAt: caller.expiresAt })]);
  }

  @Get(':id')
  @Requires('job:watch')
  watch(
    @Param('id') jobId: string,
    @Query('from') cursor: string | undefined,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const from = cursor === undefined ? null : scratchFormat.positionOf(cursor);
    if (cursor !== undefined && from === null) throw new InvalidCursor();
    return this.streamJob.run(reply, { jobId, caller, format: scratchFormat, from });
  }
}

@Module({ imports: [JobsModule, RelayModule], controllers: [ScratchController] })
export class ScratchModule {}
