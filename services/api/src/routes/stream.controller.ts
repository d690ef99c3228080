import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { negotiate } from '../http/accept.ts';
import { nameRequest } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { STREAM_TYPES } from '../relay/relay.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { cursorOf } from './cursor.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { jobQuerySchema } from './queries.ts';

/** Watch a job, or resume. @see PROTOCOL.md §4 */
@Controller('jobs')
export class StreamController {
  constructor(@Inject(StreamJob) private readonly streamJob: StreamJob) {}

  @Get(':id/stream')
  @Requires('job:watch')
  stream(
    @Param('id', JobIdPipe) jobId: string,
    @Query(new ZodPipe(jobQuerySchema)) { tenant }: z.output<typeof jobQuerySchema>,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, jobId);
    const type = negotiate(request.headers.accept, STREAM_TYPES);
    const after = type === 'text/plain' ? null : cursorOf(request);
    return this.streamJob.run(reply, { jobId, caller, tenant, type, after });
  }
}
