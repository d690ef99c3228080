import { type CreateJobBody, createJobSchema } from '@millrace/contracts';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { chosenRequestId, idempotencyKeyOf, nameRequest, requestIdOf } from '../http/request-id.ts';
import { traceRequest } from '../http/request-trace.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CancelJob } from '../jobs/cancel-job.ts';
import { CancelJobs } from '../jobs/cancel-jobs.ts';
import { CreateJob } from '../jobs/create-job.ts';
import { EraseJob } from '../jobs/erase-job.ts';
import { GetJob } from '../jobs/get-job.ts';
import { type JobList, ListJobs } from '../jobs/list-jobs.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { CreationAnswer, staysOpen } from './creation-answer.ts';
import { JobAnswer } from './job-answer.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { cancelJobQuerySchema, cancelQuerySchema, getQuerySchema, jobQuerySchema, listQuerySchema } from './queries.ts';

/** Jobs: create, get, list, cancel. @see PROTOCOL.md §2, §5, §6 */
@Controller()
export class JobsController {
  constructor(
    @Inject(StreamQuota) private readonly quota: StreamQuota,
    @Inject(CreateJob) private readonly createJob: CreateJob,
    @Inject(CreationAnswer) private readonly answer: CreationAnswer,
    @Inject(GetJob) private readonly getJob: GetJob,
    @Inject(JobAnswer) private readonly jobAnswer: JobAnswer,
    @Inject(ListJobs) private readonly listJobs: ListJobs,
    @Inject(CancelJob) private readonly cancelJob: CancelJob,
    @Inject(CancelJobs) private readonly cancelJobs: CancelJobs,
    @Inject(EraseJob) private readonly eraseJob: EraseJob,
  ) {}

  @Post(['jobs', 'api/langchain'])
  @Requires('job:create')
  async create(
    @Body(new ZodPipe(createJobSchema)) body: CreateJobBody,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const wanted = this.answer.wantedBy(request);
    const chosenId = chosenRequestId(request);
    if (staysOpen(wanted)) await this.quota.acquire(reply, caller);
    using job = await this.createJob.run({
      ...{ caller, body },
      // the answer has a new id already
      jobId: chosenId ?? requestIdOf(request, reply),
      isChosen: chosenId !== null,
      idempotencyKey: idempotencyKeyOf(request),
      trace: traceRequest(request, reply),
      follows: wanted.kind === 'stream',
    });
    await this.answer.send(reply, job, caller, wanted);
  }

  @Get('jobs/:id')
  @Requires('job:read')
  async get(
    @Param('id', JobIdPipe) jobId: string,
    @Query(new ZodPipe(getQuerySchema)) { tenant, include }: z.output<typeof getQuerySchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, jobId);
    const job = await this.getJob.run({ jobId, caller, tenant });
    await this.jobAnswer.send(reply, job, { caller, include, whenFull: 'refuse' });
  }

  @Get('jobs')
  @Requires('job:read')
  list(
    @Query(new ZodPipe(listQuerySchema)) query: z.output<typeof listQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<JobList> {
    return this.listJobs.run({ caller, ...query });
  }

  @Delete('jobs/:id')
  @Requires('job:cancel')
  async cancel(
    @Param('id', JobIdPipe) jobId: string,
    @Query(new ZodPipe(cancelJobQuerySchema)) { tenant, include }: z.output<typeof cancelJobQuerySchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, jobId);
    const job = await this.cancelJob.run({ jobId, caller, tenant });
    await this.jobAnswer.send(reply, job, { caller, include, whenFull: 'leave-out' });
  }

  @Delete('jobs/:id/data')
  @HttpCode(204)
  @Requires('data:erase')
  async erase(
    @Param('id', JobIdPipe) jobId: string,
    @Query(new ZodPipe(jobQuerySchema)) { tenant }: z.output<typeof jobQuerySchema>,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, jobId);
    await this.eraseJob.run({ jobId, caller, tenant });
  }

  @Delete('jobs')
  @Requires('jobs:cancel')
  async cancelAll(
    @Query(new ZodPipe(cancelQuerySchema)) filter: z.output<typeof cancelQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<{ cancelled: number; incomplete?: true }> {
    return this.cancelJobs.run(filter, caller);
  }
}
