import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { StreamModule } from '../stream/stream.module.ts';
import { CancelJob } from './cancel-job.ts';
import { CancelJobs } from './cancel-jobs.ts';
import { CancellationModule } from './cancellation.module.ts';
import { CreateJob } from './create-job.ts';
import { CreationAnswer } from './creation-answer.ts';
import { Intake } from './intake.ts';
import { JobAnswer } from './job-answer.ts';
import { JobsController } from './jobs.controller.ts';
import { ListJobs } from './list-jobs.ts';
import { LookAtJob } from './look-at-job.ts';
import { Pipelines } from './pipelines.ts';
import { QueueModule } from './queue/queue.module.ts';
import { RequestPolicy } from './request-policy.ts';
import { StoredBytesLimit } from './stored-bytes-limit.ts';
import { AskedFor } from './sweep/asked-for.ts';
import { Sweep } from './sweep/sweep.ts';
import { WaitForJob } from './wait-for-job.ts';

@Module({
  imports: [HealthModule, QuotaModule, QueueModule, CancellationModule, StreamModule],
  controllers: [JobsController],
  providers: [
    Pipelines,
    RequestPolicy,
    StoredBytesLimit,
    Intake,
    CreateJob,
    CreationAnswer,
    WaitForJob,
    LookAtJob,
    JobAnswer,
    ListJobs,
    CancelJob,
    CancelJobs,
    AskedFor,
    Sweep,
  ],
})
export class JobsModule {}
