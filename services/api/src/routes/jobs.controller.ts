import { type CreateJobBody, createJobSchema } from '@millrace/contracts';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { chosenRequestId, idempotencyKeyOf, nameRequest, requestIdOf } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CancelJob } from '../jobs/cancel-job.ts';
import { CancelJobs } from '../jobs/cancel-jobs.ts';
import { CreateJob } from '../jobs/create-job.ts';
import { LookAtJob } from '../jobs/get-job.ts';
import { type JobList, ListJobs } from '../jobs/list-jobs.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { CreationAnswer, staysOpen, wantedAnswer } from './creation-answer.ts';
import { JobAnswer } from './job-answer.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { cancelQuerySchema, jobQuerySchema, listQuerySchema, lookQuerySchema } from './queries.ts';

/** Jobs: create, look, list, cancel. @see PROTOCOL.md §2, §5, §6 */
@Controller()
export class JobsController {
  constructor(
    @Inject(StreamQuota) private readonly quota: StreamQuota,
    @Inject(CreateJob) private readonly createJob: CreateJob,
    @Inject(CreationAnswer) private readonly answer: CreationAnswer,
    @Inject(LookAtJob) private readonly lookAtJob: LookAtJob,
    @Inject(JobAnswer) private readonly jobAnswer: JobAnswer,
    @Inject(ListJobs) private readonly listJobs: ListJobs,
    @Inject(CancelJob) private readonly cancelJob: CancelJob,
    @Inject(CancelJobs) private readonly cancelJobs: CancelJobs,
  ) {}

  @Post(['jobs', 'api/langchain'])
  async create(
    @Body(new ZodPipe(createJobSchema)) body: CreateJobBody,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const wanted = wantedAnswer(request);
    const chosen = chosenRequestId(request);
    if (staysOpen(wanted)) this.quota.claim(reply, caller);
    using job = await this.createJob.run({
      ...{ caller, body },
      // the answer has a fresh one already
      requestId: chosen ?? requestIdOf(request, reply),
      isChosen: chosen !== null,
      idempotencyKey: idempotencyKeyOf(request),
      follows: wanted.type !== 'application/json',
    });
    await this.answer.send(reply, job, caller, wanted);
  }

  @Get('jobs/:id')
  async look(
    @Param('id', JobIdPipe) id: string,
    @Query(new ZodPipe(lookQuerySchema)) { tenant, include }: z.output<typeof lookQuerySchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, id);
    const seen = await this.lookAtJob.run({ id, caller, tenant });
    await this.jobAnswer.send(reply, seen, { caller, withText: include.includes('text'), refusable: true });
  }

  @Get('jobs')
  list(
    @Query(new ZodPipe(listQuerySchema)) query: z.output<typeof listQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<JobList> {
    return this.listJobs.run({ caller, ...query });
  }

  @Delete('jobs/:id')
  async cancel(
    @Param('id', JobIdPipe) id: string,
    @Query(new ZodPipe(jobQuerySchema)) { tenant }: z.output<typeof jobQuerySchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, id);
    const seen = await this.cancelJob.run({ id, caller, tenant });
    await this.jobAnswer.send(reply, seen, { caller });
  }

  @Delete('jobs')
  async cancelAll(
    @Query(new ZodPipe(cancelQuerySchema)) filter: z.output<typeof cancelQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<{ cancelled: number }> {
    return { cancelled: await this.cancelJobs.run(filter, caller) };
  }
}
