import { Archiver, type JobArchive } from '@millrace/archive';
import { idOf, logLimits, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { ErasedCopies, KeySpace, RawJobs, type RedisConnection, UnarchivedJobs } from '@millrace/stream-log';
import { Module } from '@nestjs/common';
import { AttemptModule } from '../attempt/attempt.module.ts';
import { WorkerMetrics } from '../attempt/metrics.ts';
import type { WorkerSettings } from '../settings.ts';
import { ARCHIVE, COMMANDS, LOGGER, SETTINGS } from '../tokens.ts';
import { ArchiveMetrics } from './archive-metrics.ts';
import { ArchiveWriter } from './archive-writer.ts';

/** Writes ended jobs to the archive, where the settings name one. */
@Module({
  imports: [AttemptModule],
  providers: [
    {
      provide: ArchiveWriter,
      inject: [ARCHIVE, COMMANDS, KeySpace, WorkerMetrics, SETTINGS, LOGGER],
      useFactory: archiveWriter,
    },
  ],
})
export class ArchiveModule {}

function archiveWriter(
  archive: JobArchive | null,
  redis: RedisConnection,
  keys: KeySpace,
  workerMetrics: WorkerMetrics,
  settings: WorkerSettings,
  logger: Logger,
): ArchiveWriter | null {
  const { archivedRetentionMs } = logLimits(settings);
  if (archive === null || archivedRetentionMs === undefined) return null;
  const metrics = new ArchiveMetrics(workerMetrics.registry, archive.kind);
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
  const keptMs = settings.MILLRACE_ARCHIVE_RETENTION_SECONDS * 1_000;
  return new ArchiveWriter({ archiver, archive, unarchived, erasedCopies, metrics, redis, keys, keptMs, logger });
}
