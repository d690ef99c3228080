import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { CancelJob } from './cancel-job.ts';
import { CancelJobs } from './cancel-jobs.ts';
import { Cancellation } from './cancellation.ts';
import { CreateJob } from './create-job.ts';
import { WatchLeases } from './disconnect-leases.ts';
import { LookAtJob } from './get-job.ts';
import { Intake } from './intake.ts';
import { JobAccess } from './job-access.ts';
import { ListJobs } from './list-jobs.ts';
import { Pipelines } from './pipelines.ts';
import { QueueModule } from './queue/queue.module.ts';
import { RequestPolicy } from './request-policy.ts';
import { Sweep } from './sweep/sweep.ts';
import { AskedFor } from './sweep/unlisted-jobs.ts';
import { WaitForJob } from './wait-for-job.ts';

/** Jobs: what may be done with them, whoever asks and however the answer is sent. */
@Module({
  imports: [HealthModule, QuotaModule, QueueModule],
  providers: [
    Pipelines,
    RequestPolicy,
    Intake,
    CreateJob,
    JobAccess,
    LookAtJob,
    ListJobs,
    WaitForJob,
    Cancellation,
    CancelJob,
    CancelJobs,
    WatchLeases,
    AskedFor,
    Sweep,
  ],
  exports: [CreateJob, JobAccess, LookAtJob, ListJobs, WaitForJob, CancelJob, CancelJobs, WatchLeases],
})
export class JobsModule {}
