import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { FindJobs, type FoundJobs } from '../console/find-jobs.ts';
import { InspectJob } from '../console/inspect-job.ts';
import { ListTenants, type TenantRow } from '../console/list-tenants.ts';
import { RevealContent, type Revealed } from '../console/reveal-content.ts';
import { ServiceWatch } from '../console/service-watch.ts';
import { WatchJob } from '../console/watch-job.ts';
import { negotiate } from '../http/accept.ts';
import { nameRequest } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { findJobsQuerySchema, revealSchema, tenantsQuerySchema } from './console-requests.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { jobQuerySchema } from './queries.ts';

/** What the console shows. It is for the console of the same release, and may change with it. */
@Controller('console')
export class ConsoleController {
  constructor(
    @Inject(ServiceWatch) private readonly watch: ServiceWatch,
    @Inject(FindJobs) private readonly findJobs: FindJobs,
    @Inject(InspectJob) private readonly inspectJob: InspectJob,
    @Inject(WatchJob) private readonly watchJob: WatchJob,
    @Inject(RevealContent) private readonly revealContent: RevealContent,
    @Inject(ListTenants) private readonly listTenants: ListTenants,
  ) {}

  /** Who the caller is, so that the console shows what they may do. */
  @Get('caller')
  @Requires('job:inspect')
  caller(@TheCaller() { tenant, role, permissions }: Caller): { tenant: string; role: string; permissions: string[] } {
    return { tenant, role, permissions: [...permissions] };
  }

  @Get('now')
  @Requires('service:read')
  async now(@TheCaller() caller: Caller, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    negotiate(request.headers.accept, ['text/event-stream']);
    return this.watch.open(reply, caller);
  }

  @Get('jobs')
  @Requires('job:inspect')
  jobs(
    @Query(new ZodPipe(findJobsQuerySchema)) query: z.output<typeof findJobsQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<FoundJobs> {
    return this.findJobs.run({ ...query, caller });
  }

  @Get('jobs/:id')
  @Requires('job:inspect')
  async job(
    @Param('id', JobIdPipe) jobId: string,
    @Query(new ZodPipe(jobQuerySchema)) { tenant }: z.output<typeof jobQuerySchema>,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, jobId);
    const named = { jobId, caller, tenant };
    const isJson = negotiate(request.headers.accept, ['application/json', 'text/event-stream']) === 'application/json';
    if (isJson) void reply.send(await this.inspectJob.run(named));
    else await this.watchJob.open(reply, named);
  }

  @Post('jobs/:id/content')
  @HttpCode(200)
  @Requires('job:inspect')
  @Header('Cache-Control', 'no-store')
  reveal(
    @Param('id', JobIdPipe) jobId: string,
    @Query(new ZodPipe(jobQuerySchema)) { tenant }: z.output<typeof jobQuerySchema>,
    @Body(new ZodPipe(revealSchema)) asked: z.output<typeof revealSchema>,
    @TheCaller() caller: Caller,
  ): Promise<Revealed> {
    return this.revealContent.run({ jobId, caller, tenant }, asked);
  }

  @Get('tenants')
  @Requires('usage:read')
  tenants(
    @Query(new ZodPipe(tenantsQuerySchema)) query: z.output<typeof tenantsQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<{ items: TenantRow[]; nextCursor: string | null }> {
    return this.listTenants.run({ ...query, caller });
  }
}
