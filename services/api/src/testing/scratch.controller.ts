import { requestOf, ScratchCollector, scratchFormat } from '@millrace/protocols/testing';
import { Body, Controller, Get, Inject, Module, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { InvalidCursor } from '../http/problem.ts';
import { RelayModule } from '../relay/relay.module.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { ForeignJobs } from '../routes/foreign-jobs.ts';
import { RoutesModule } from '../routes/routes.module.ts';

/** The scratch protocol of tests: what a protocol needs beside its folder in `packages/protocols`. */
@Controller('scratch')
class ScratchController {
  constructor(
    @Inject(ForeignJobs) private readonly jobs: ForeignJobs,
    @Inject(StreamJob) private readonly streamJob: StreamJob,
  ) {}

  @Post()
  @Requires('job:create')
  async ask(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { job, whole } = requestOf(body);
    const exchange = { request, reply };
    const asked = { caller, body: job, fieldOf: (pointer: string) => pointer.replace('/messages', '/question') };
    if (whole) await this.jobs.whole(exchange, asked, (streamed) => new ScratchCollector(streamed));
    else await this.jobs.stream(exchange, asked, scratchFormat);
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

@Module({ imports: [RoutesModule, RelayModule], controllers: [ScratchController] })
export class ScratchModule {}
