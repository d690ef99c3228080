import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { CancelJob } from './cancel-job.ts';
import { CancelJobs } from './cancel-jobs.ts';
import { CreateJob } from './create-job.ts';
import { DisconnectLeases } from './disconnect-leases.ts';
import { EraseJob } from './erase-job.ts';
import { GetJob } from './get-job.ts';
import { Intake } from './intake.ts';
import { JobAccess } from './job-access.ts';
import { JobFinder } from './job-finder.ts';
import { JobPages } from './job-pages.ts';
import { ListJobs } from './list-jobs.ts';
import { InputCheck } from './pipelines/input-check.ts';
import { ListModels } from './pipelines/list-models.ts';
import { Pipelines } from './pipelines/pipelines.ts';
import { RequestPolicy } from './pipelines/request-policy.ts';
import { QueueModule } from './queue/queue.module.ts';
import { ReadUsage } from './read-usage.ts';
import { ResolveRequest } from './resolve-request.ts';
import { Cancellation } from './steps/cancellation.ts';
import { JobErasure } from './steps/job-erasure.ts';
import { ThreadEntry } from './steps/thread-entry.ts';
import { ThreadExit } from './steps/thread-exit.ts';
import { MasterKeyRotation } from './sweep/master-key-rotation.ts';
import { Sweep } from './sweep/sweep.ts';
import { ThreadSweep } from './sweep/thread-sweep.ts';
import { UnlistedJobs } from './sweep/unlisted-jobs.ts';
import { WaitForJob } from './wait-for-job.ts';

/** The use cases of jobs, independent of routes and streams. */
@Module({
  imports: [HealthModule, QuotaModule, QueueModule],
  providers: [
    Pipelines,
    InputCheck,
    RequestPolicy,
    ListModels,
    ResolveRequest,
    Intake,
    CreateJob,
    JobFinder,
    JobPages,
    JobAccess,
    GetJob,
    ListJobs,
    WaitForJob,
    ThreadExit,
    ThreadEntry,
    JobErasure,
    Cancellation,
    CancelJob,
    CancelJobs,
    EraseJob,
    ReadUsage,
    DisconnectLeases,
    UnlistedJobs,
    ThreadSweep,
    MasterKeyRotation,
    Sweep,
  ],
  exports: [
    ...[CreateJob, JobAccess, GetJob, ListJobs, WaitForJob, CancelJob, CancelJobs, EraseJob, DisconnectLeases],
    ...[ReadUsage, Pipelines, ListModels, Cancellation, ThreadExit, JobErasure, JobFinder, JobPages, QueueModule],
  ],
})
export class JobsModule {}
