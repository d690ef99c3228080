import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { negotiate } from '../http/accept.ts';
import { nameRequest } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { STREAM_TYPES } from '../relay/relay.ts';
import { WatchJob } from '../relay/stream-job.ts';
import { cursorOf } from './cursor.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { jobQuerySchema } from './queries.ts';

/** Resume and watch. @see PROTOCOL.md §4 */
@Controller('jobs')
export class StreamController {
  constructor(@Inject(WatchJob) private readonly watchJob: WatchJob) {}

  @Get(':id/stream')
  stream(
    @Param('id', JobIdPipe) id: string,
    @Query(new ZodPipe(jobQuerySchema)) { tenant }: z.output<typeof jobQuerySchema>,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, id);
    const type = negotiate(request.headers.accept, STREAM_TYPES);
    const after = type === 'text/plain' ? null : cursorOf(request);
    return this.watchJob.run(reply, { id, caller, tenant, type, after });
  }
}
