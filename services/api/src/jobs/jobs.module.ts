import type { Logger } from '@millrace/runtime';
import type { Shards } from '@millrace/stream-log';
import type { Checkpoints, Threads } from '@millrace/threads';
import { Module } from '@nestjs/common';
import type { AuditEntry } from '../auth/audit-log.ts';
import { AuditTrail } from '../auth/audit-trail.ts';
import { HealthModule } from '../health/health.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import type { ApiSettings } from '../settings.ts';
import type { ShardPorts } from '../shards/shard-ports.ts';
import { CHECKPOINTS, LOGGER, SETTINGS, SHARD_PORTS, SHARDS, THREADS } from '../tokens.ts';
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
import { JobQueues } from './queue/job-queues.ts';
import { QueueModule } from './queue/queue.module.ts';
import { ReadUsage } from './read-usage.ts';
import { ResolveRequest } from './resolve-request.ts';
import { Cancellation } from './steps/cancellation.ts';
import { JobErasure } from './steps/job-erasure.ts';
import { ThreadEntry } from './steps/thread-entry.ts';
import { ThreadExit } from './steps/thread-exit.ts';
import { MasterKeyRotation } from './sweep/master-key-rotation.ts';
import { Sweep } from './sweep/sweep.ts';
import { Sweeps } from './sweep/sweeps.ts';
import { ThreadSweep } from './sweep/thread-sweep.ts';
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
    {
      provide: Sweeps,
      inject: [
        ...[SETTINGS, SHARD_PORTS, SHARDS, JobQueues, Unlisted, MasterKeyRotation, AuditTrail, LOGGER],
        ...[THREADS, CHECKPOINTS, ThreadEntry, ThreadExit, Cancellation, JobErasure],
      ],
      useFactory: sweeps,
    },
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

function sweeps(
  settings: ApiSettings,
  parts: readonly ShardPorts[],
  shards: Shards,
  queues: JobQueues,
  unlisted: Unlisted,
  rotation: MasterKeyRotation,
  trail: AuditTrail<AuditEntry>,
  logger: Logger,
  threads: Threads,
  checkpoints: Checkpoints,
  entry: ThreadEntry,
  exit: ThreadExit,
  cancellation: Cancellation,
  erasure: JobErasure,
): Sweeps {
  return new Sweeps(
    parts.map((part, shard) => {
      const { fairQueue, catalogue, slots, reader, subscribers, settlement } = part;
      return new Sweep(settings, {
        ...{ fairQueue, catalogue, slots, reader, subscribers, settlement, trail, logger },
        queue: queues.parts[shard] as JobQueues['parts'][number],
        unlistedJobs: unlisted.parts[shard] as UnlistedJobs,
        rotation: shard === 0 ? rotation : null,
        threads: new ThreadSweep({
          ...{ own: part.threads, catalogue: part.threadCatalogue, threads, checkpoints },
          ...{ entry, exit, cancellation, erasure, logger },
        }),
        isHere: async (ref) => {
          if ((await shards.ofJob(ref)) === shard) return true;
          unlisted.joined.note(ref);
          return false;
        },
      });
    }),
  );
}
