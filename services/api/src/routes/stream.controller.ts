import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { negotiate } from '../http/accept.ts';
import { nameRequest } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { cursorOf } from './cursor.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { NativeFormats, STREAM_TYPES } from './native-formats.ts';
import { jobQuerySchema } from './queries.ts';

/** Watch a job, or resume. @see PROTOCOL.md §4 */
@Controller('jobs')
export class StreamController {
  constructor(
    @Inject(StreamJob) private readonly streamJob: StreamJob,
    @Inject(NativeFormats) private readonly formats: NativeFormats,
  ) {}

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
    const format = this.formats.get(type);
    const from = type === 'text/plain' ? null : cursorOf(request, format);
    return this.streamJob.run(reply, { jobId, caller, tenant, format, from });
  }
}
