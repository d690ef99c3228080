import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { ThreadsModule } from '../threads/threads.module.ts';
import { ChunkCount } from './chunk-count.ts';
import { ClientWaits } from './client-waits.ts';
import { OpenStreams } from './open-streams.ts';
import { ReadLog } from './read-log.ts';
import { Relay } from './relay.ts';
import { StreamDeadlines } from './stream-deadlines.ts';
import { StreamJob } from './stream-job.ts';
import { StreamThread } from './stream-thread.ts';

/** Streams: from a job's log onto the sockets of its readers. */
@Module({
  imports: [HealthModule, QuotaModule, JobsModule, ThreadsModule],
  providers: [ChunkCount, ClientWaits, OpenStreams, ReadLog, Relay, StreamDeadlines, StreamJob, StreamThread],
  exports: [ChunkCount, ClientWaits, OpenStreams, ReadLog, Relay, StreamDeadlines, StreamJob, StreamThread],
})
export class RelayModule {}
