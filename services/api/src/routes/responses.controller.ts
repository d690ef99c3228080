import {
  type AnswerCollector,
  RESPONSE_PREFIX,
  ResponseCollector,
  responsesFormat,
  responsesRequest,
  unfinishedResponse,
} from '@millrace/protocols';
import { isFinished, JobNotFound, type JobOutline } from '@millrace/stream-log';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { InvalidCursor, JobFinished } from '../http/problem.ts';
import { chosenRequestId, nameRequest, requestIdOf } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CancelJob } from '../jobs/cancel-job.ts';
import { JobAccess } from '../jobs/job-access.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { streamedJob } from '../relay/streamed-job.ts';
import { DeleteResponse } from './delete-response.ts';
import { type Exchange, ForeignJobs, type ForeignRequest } from './foreign-jobs.ts';
import { jobOfResponse, ResponseRequests } from './response-request.ts';
import { WholeAnswers } from './whole-answers.ts';

/** The query string of `GET /v1/responses/:id`. Unknown parameters are ignored. */
export const responseQuerySchema = z.object({
  stream: z.string().optional().describe('`true`: as a stream.'),
  starting_after: z.string().max(32).optional().describe('Of a stream: only events with a greater `sequence_number`.'),
});

/** OpenAI's Responses. @see docs/protocols.md */
@Controller('v1/responses')
export class ResponsesController {
  constructor(
    @Inject(ForeignJobs) private readonly jobs: ForeignJobs,
    @Inject(ResponseRequests) private readonly requests: ResponseRequests,
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(StreamJob) private readonly streamJob: StreamJob,
    @Inject(CancelJob) private readonly cancelJob: CancelJob,
    @Inject(DeleteResponse) private readonly deleteResponse: DeleteResponse,
    @Inject(WholeAnswers) private readonly wholeAnswers: WholeAnswers,
  ) {}

  @Post()
  @Requires('job:create')
  async create(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = responsesRequest(body);
    const exchange = { request, reply };
    const foreign = await this.requests.of(asked, caller, chosenRequestId(request) ?? requestIdOf(request, reply));
    if (asked.streams) await this.jobs.stream(exchange, foreign, responsesFormat);
    else if (asked.isBackground) await this.#accept(exchange, foreign);
    else await this.jobs.whole(exchange, foreign, (job) => new ResponseCollector(job));
  }

  @Get(':id')
  @Requires('job:watch')
  async get(
    @Param('id') id: string,
    @Query(new ZodPipe(responseQuerySchema)) query: z.output<typeof responseQuerySchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const jobId = named(reply, id);
    if (!isTrue(query.stream)) {
      await this.#send(reply, await this.access.get({ jobId, caller }), caller);
      return;
    }
    const cursor = query.starting_after;
    const from = cursor === undefined ? null : responsesFormat.positionOf(cursor);
    if (cursor !== undefined && from === null) throw new InvalidCursor();
    await this.streamJob.run(reply, { jobId, caller, format: responsesFormat, from });
  }

  /** Idempotent: one that has ended is answered as it is. */
  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('job:cancel')
  async cancel(@Param('id') id: string, @TheCaller() caller: Caller, @Res() reply: FastifyReply): Promise<void> {
    const jobId = named(reply, id);
    try {
      await this.cancelJob.run({ jobId, caller });
    } catch (error) {
      if (!(error instanceof JobFinished)) throw error;
    }
    await this.#send(reply, await this.access.get({ jobId, caller }), caller);
  }

  @Delete(':id')
  @Requires('thread:delete')
  async delete(@Param('id') id: string, @TheCaller() caller: Caller, @Res() reply: FastifyReply): Promise<void> {
    const jobId = named(reply, id);
    await this.deleteResponse.run({ jobId, caller });
    reply.send({ id: `${RESPONSE_PREFIX}${jobId}`, object: 'response', deleted: true });
  }

  /** In background: answered at once. */
  async #accept(exchange: Exchange, asked: ForeignRequest): Promise<void> {
    const { reply } = exchange;
    const { caller } = asked;
    using job = await this.jobs.create(exchange, asked, { follows: false });
    const { jobId } = job;
    nameRequest(reply, jobId);
    await job.enqueued;
    await this.#send(reply, await this.access.get({ jobId, caller, tenant: caller.tenant }), caller);
  }

  /** What was said is told once the response has ended: until then a client follows it. */
  async #send(reply: FastifyReply, job: JobOutline, caller: Caller): Promise<void> {
    const told = streamedJob(job);
    if (!isFinished(job.status)) {
      const status = job.status === 'queued' ? 'queued' : 'in_progress';
      reply.header('Cache-Control', 'no-store').send(unfinishedResponse(told, status));
      return;
    }
    await this.wholeAnswers.send(reply, job, caller, retrieved(new ResponseCollector(told)));
  }
}

/** A response that is asked for is no error, however it ended. */
function retrieved(collector: ResponseCollector): AnswerCollector {
  return {
    add: (event) => collector.add(event),
    end: () => ({ status: 200, body: collector.response() }),
  };
}

/** @throws JobNotFound no response can have this id */
function named(reply: FastifyReply, id: string): string {
  const jobId = jobOfResponse(id);
  if (jobId === null) throw new JobNotFound(id);
  nameRequest(reply, jobId);
  return jobId;
}

function isTrue(flag: string | undefined): boolean {
  return flag === 'true' || flag === '1';
}
