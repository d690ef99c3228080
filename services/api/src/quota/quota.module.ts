import { Global, Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.ts';
import { REQUEST_COUNTER } from '../tokens.ts';
import { LimitTenant } from './limit-tenant.ts';
import { RequestLimit } from './request-limit.ts';
import { SlotPolicyAnnouncer } from './slot-policy.ts';
import { StoredBytesLimit } from './stored-bytes-limit.ts';
import { StoredBytesShare } from './stored-bytes-share.ts';
import { StreamQuota } from './stream-quota.ts';
import { TenantLimits } from './tenant-limits.ts';
import { TextQuota } from './text-quota.ts';

/** What tenants may use. Global, because the guard of all routes counts requests. */
@Global()
@Module({
  imports: [HealthModule],
  providers: [
    SlotPolicyAnnouncer,
    StoredBytesShare,
    StoredBytesLimit,
    StreamQuota,
    TextQuota,
    TenantLimits,
    RequestLimit,
    LimitTenant,
    { provide: REQUEST_COUNTER, useExisting: RequestLimit },
  ],
  exports: [StoredBytesLimit, StreamQuota, TextQuota, TenantLimits, LimitTenant, REQUEST_COUNTER],
})
export class QuotaModule {}
