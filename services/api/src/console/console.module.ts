import { type KeySpace, ReaderCensus, type RedisConnection, type Subscribers } from '@millrace/stream-log';
import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { RelayModule } from '../relay/relay.module.ts';
import { KEYS, READER_CENSUS, REDIS, SUBSCRIBERS } from '../tokens.ts';
import { FindJobs } from './find-jobs.ts';
import { InspectJob } from './inspect-job.ts';
import { ListTenants } from './list-tenants.ts';
import { NodeReporter } from './node-reporter.ts';
import { QueueControl } from './queue-control.ts';
import { RevealContent } from './reveal-content.ts';
import { ServiceFigures } from './service-figures.ts';
import { ServiceWatch } from './service-watch.ts';
import { WatchJob } from './watch-job.ts';
import { Workers } from './workers.ts';

/** What operators see and do. */
@Module({
  imports: [HealthModule, QuotaModule, JobsModule, RelayModule],
  providers: [
    ...[NodeReporter, QueueControl, ServiceFigures, ServiceWatch, Workers],
    ...[FindJobs, InspectJob, WatchJob, RevealContent, ListTenants],
    {
      provide: READER_CENSUS,
      inject: [REDIS, SUBSCRIBERS, KEYS, NodeReporter],
      useFactory: (redis: RedisConnection, subscribers: Subscribers, keys: KeySpace, { node }: NodeReporter) =>
        new ReaderCensus(redis, subscribers.hub, keys, node, (ref) => subscribers.readersOf(ref)),
    },
  ],
  exports: [QueueControl, ServiceWatch, Workers, FindJobs, InspectJob, WatchJob, RevealContent, ListTenants],
})
export class ConsoleModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(@Inject(READER_CENSUS) private readonly census: ReaderCensus) {}

  onApplicationBootstrap(): void {
    // not awaited: a node may start before its Redis
    void this.census.open();
  }

  onApplicationShutdown(): void {
    this.census.close();
  }
}
