import { Module } from '@nestjs/common';
import { Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';
import { ServiceMetrics } from './service-metrics.ts';

const PROVIDERS = [Metrics, ServiceMetrics, Readiness];

@Module({ providers: PROVIDERS, exports: PROVIDERS })
export class HealthModule {}
