import { Module } from '@nestjs/common';
import { Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';

@Module({ providers: [Metrics, Readiness], exports: [Metrics, Readiness] })
export class HealthModule {}
