import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { RelayModule } from '../relay/relay.module.ts';
import { NodeReporter } from './node-reporter.ts';
import { QueueControl } from './queue-control.ts';
import { ServiceFigures } from './service-figures.ts';
import { ServiceWatch } from './service-watch.ts';
import { Workers } from './workers.ts';

/** What operators see and do. */
@Module({
  imports: [HealthModule, QuotaModule, JobsModule, RelayModule],
  providers: [NodeReporter, QueueControl, ServiceFigures, ServiceWatch, Workers],
  exports: [QueueControl, ServiceWatch, Workers],
})
export class ConsoleModule {}
