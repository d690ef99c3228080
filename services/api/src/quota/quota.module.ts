import { Module } from '@nestjs/common';
import { StreamQuota } from './stream-quota.ts';
import { TextQuota } from './text-quota.ts';

@Module({ providers: [StreamQuota, TextQuota], exports: [StreamQuota, TextQuota] })
export class QuotaModule {}
