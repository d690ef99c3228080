import type { Shards } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import type { ApiSettings } from '../settings.ts';
import type { ShardPorts } from '../shards/shard-ports.ts';
import { SETTINGS, SHARD_PORTS, SHARDS } from '../tokens.ts';
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
import { joinedLeases } from './joined-leases.ts';
import { ListJobs } from './list-jobs.ts';
import { InputCheck } from './pipelines/input-check.ts';
import { ListModels } from './pipelines/list-models.ts';
import { Pipelines } from './pipelines/pipelines.ts';
import { RequestPolicy } from './pipelines/request-policy.ts';
import { QueueModule } from './queue/queue.module.ts';
import { ReadUsage } from './read-usage.ts';
import { ResolveRequest } from './resolve-request.ts';
import { SharedLimits } from './shared-limits.ts';
import { Cancellation } from './steps/cancellation.ts';
import { JobErasure } from './steps/job-erasure.ts';
import { ThreadEntry } from './steps/thread-entry.ts';
import { ThreadExit } from './steps/thread-exit.ts';
import { MasterKeyRotation } from './sweep/master-key-rotation.ts';
import { Sweep } from './sweep/sweep.ts';
import { Sweeps } from './sweep/sweeps.ts';
import { Unlisted } from './sweep/unlisted.ts';
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
    SharedLimits,
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
    MasterKeyRotation,
    Unlisted,
    { provide: UnlistedJobs, inject: [Unlisted], useFactory: ({ joined }: Unlisted) => joined },
    {
      provide: DisconnectLeases,
      inject: [SHARD_PORTS, SHARDS, SETTINGS, Cancellation],
      useFactory: disconnectLeases,
    },
    Sweeps,
    { provide: Sweep, inject: [Sweeps], useFactory: ({ home }: Sweeps) => home },
  ],
  exports: [
    ...[CreateJob, JobAccess, GetJob, ListJobs, WaitForJob, CancelJob, CancelJobs, EraseJob, DisconnectLeases],
    ...[ReadUsage, Pipelines, ListModels, Cancellation, ThreadExit, JobErasure, JobFinder, JobPages, QueueModule],
  ],
})
export class JobsModule {}

function disconnectLeases(
  parts: readonly ShardPorts[],
  shards: Shards,
  settings: ApiSettings,
  cancellation: Cancellation,
): DisconnectLeases {
  const leases = parts.map(({ abandoned }) => new DisconnectLeases(settings, abandoned, cancellation));
  const [only, ...others] = leases;
  return only !== undefined && others.length === 0 ? only : joinedLeases(leases, shards);
}
