import { Module } from '@nestjs/common';
import { StreamQuota } from './stream-quota.ts';

@Module({ providers: [StreamQuota], exports: [StreamQuota] })
export class QuotaModule {}
