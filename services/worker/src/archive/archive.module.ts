import { Archiver, type JobArchive } from '@millrace/archive';
import { idOf, logLimits, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { ErasedCopies, KeySpace, RawJobs, UnarchivedJobs } from '@millrace/stream-log';
import {
  type BeforeApplicationShutdown,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { AttemptModule } from '../attempt/attempt.module.ts';
import { WorkerMetrics } from '../attempt/metrics.ts';
import type { WorkerSettings } from '../settings.ts';
import type { WorkerShard } from '../shards/worker-shard.ts';
import { ARCHIVE, ARCHIVE_WRITERS, LOGGER, SETTINGS, WORKER_SHARDS } from '../tokens.ts';
import { ArchiveMetrics } from './archive-metrics.ts';
import { ArchiveWriter } from './archive-writer.ts';

/** Writes the ended jobs of every shard to the archive, where the settings name one. */
@Module({
  imports: [AttemptModule],
  providers: [
    {
      provide: ARCHIVE_WRITERS,
      inject: [ARCHIVE, WORKER_SHARDS, KeySpace, WorkerMetrics, SETTINGS, LOGGER],
      useFactory: archiveWriters,
    },
  ],
})
export class ArchiveModule implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(ARCHIVE_WRITERS) readonly writers: readonly ArchiveWriter[],
    @Inject(ARCHIVE) readonly archive: JobArchive | null,
  ) {}

  onApplicationBootstrap(): void {
    for (const writer of this.writers) writer.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.stop()));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.archive?.close();
  }
}

function archiveWriters(
  archive: JobArchive | null,
  shards: readonly WorkerShard[],
  keys: KeySpace,
  workerMetrics: WorkerMetrics,
  settings: WorkerSettings,
  logger: Logger,
): ArchiveWriter[] {
  const { archivedRetentionMs } = logLimits(settings);
  if (archive === null || archivedRetentionMs === undefined) return [];
  const metrics = new ArchiveMetrics(workerMetrics.registry, archive.kind);
  return shards.map((shard) => {
    const { commands: redis } = shard;
    const unarchived = new UnarchivedJobs(redis, keys);
    const erasedCopies = new ErasedCopies(redis, keys);
    const archiver = new Archiver({
      ...{ archive, unarchived, erasedCopies, retentionMs: archivedRetentionMs },
      jobs: new RawJobs(redis, keys),
      told: (outcome, ref, error) => {
        metrics.count(outcome);
        if (outcome !== 'failed') return;
        logger.warn({ requestId: idOf(ref), tenant: tenantOf(ref), err: error }, 'not archived');
      },
    });
    // the archive is that of all shards: one looks for what has been there for long enough
    const keptMs = shard.index === 0 ? settings.MILLRACE_ARCHIVE_RETENTION_SECONDS * 1_000 : 0;
    return new ArchiveWriter({ archiver, unarchived, erasedCopies, metrics, shard, keys, keptMs, logger });
  });
}
