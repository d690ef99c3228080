import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { CancellationModule } from '../jobs/cancellation.module.ts';
import { JobAccess } from '../jobs/job-access.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { OpenStreams } from './open-streams.ts';
import { Relay } from './relay.ts';
import { StreamController } from './stream.controller.ts';
import { WatchJob } from './watch-job.ts';
import { WatchLeases } from './watch-leases.ts';

@Module({
  imports: [HealthModule, QuotaModule, CancellationModule],
  controllers: [StreamController],
  providers: [JobAccess, OpenStreams, WatchLeases, Relay, WatchJob],
  exports: [JobAccess, Relay, WatchLeases, OpenStreams],
})
export class StreamModule {}
