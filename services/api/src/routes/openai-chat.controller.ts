import { ChatCollector, COMPLETION_PREFIX, chatField, chatFormat, chatRequest } from '@millrace/protocols';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { onDisconnectOf } from '../http/on-disconnect.ts';
import { nameRequest } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { cursorOf } from './cursor.ts';
import { ForeignJobs } from './foreign-jobs.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { jobQuerySchema } from './queries.ts';

/** The query string of a stream that is watched or resumed. Unknown parameters are ignored. */
export const completionStreamQuerySchema = jobQuerySchema.extend({
  include_usage: z
    .enum(['true', 'false'])
    .default('false')
    .describe('As `stream_options.include_usage` of the request: whether the stream ends with the usage.'),
});

/** OpenAI's Chat Completions. @see docs/protocols.md */
@Controller('v1/chat/completions')
export class OpenAiChatController {
  constructor(
    @Inject(ForeignJobs) private readonly jobs: ForeignJobs,
    @Inject(StreamJob) private readonly streamJob: StreamJob,
  ) {}

  @Post()
  @HttpCode(200)
  @Requires('job:create')
  async create(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { job, streams, includesUsage } = chatRequest(body);
    const onDisconnect = onDisconnectOf(request) ?? job.onDisconnect;
    const asked = { caller, body: { ...job, onDisconnect }, fieldOf: chatField };
    const exchange = { request, reply };
    if (streams) await this.jobs.stream(exchange, asked, chatFormat({ includesUsage }));
    else await this.jobs.whole(exchange, asked, (streamed) => new ChatCollector(streamed));
  }

  @Get(':id/stream')
  @Requires('job:watch')
  stream(
    @Param('id', new JobIdPipe(COMPLETION_PREFIX)) jobId: string,
    @Query(new ZodPipe(completionStreamQuerySchema)) {
      tenant,
      include_usage,
    }: z.output<typeof completionStreamQuerySchema>,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, jobId);
    const format = chatFormat({ includesUsage: include_usage === 'true' });
    return this.streamJob.run(reply, { jobId, caller, tenant, format, from: cursorOf(request, format) });
  }
}
