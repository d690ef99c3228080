import { Module } from '@nestjs/common';
import { Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';
import { ServiceMetrics } from './service-metrics.ts';
import { ShardMetrics } from './shard-metrics.ts';
import { WatchLag } from './watch-lag.ts';

const PROVIDERS = [Metrics, ServiceMetrics, ShardMetrics, Readiness, WatchLag];

@Module({ providers: PROVIDERS, exports: PROVIDERS })
export class HealthModule {}
