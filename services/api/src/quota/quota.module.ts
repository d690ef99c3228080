import { Module } from '@nestjs/common';
import { SlotPolicyAnnouncer } from './slot-policy.ts';
import { StoredBytesLimit } from './stored-bytes-limit.ts';
import { StoredBytesShare } from './stored-bytes-share.ts';
import { StreamQuota } from './stream-quota.ts';
import { TenantLimits } from './tenant-limits.ts';
import { TextQuota } from './text-quota.ts';

@Module({
  providers: [SlotPolicyAnnouncer, StoredBytesLimit, StoredBytesShare, StreamQuota, TenantLimits, TextQuota],
  exports: [StoredBytesLimit, StreamQuota, TenantLimits, TextQuota],
})
export class QuotaModule {}
