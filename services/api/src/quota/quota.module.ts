import { Module } from '@nestjs/common';
import { SlotPolicyAnnouncer } from './slot-policy.ts';
import { StoredBytesLimit } from './stored-bytes-limit.ts';
import { StreamQuota } from './stream-quota.ts';
import { TextQuota } from './text-quota.ts';

@Module({
  providers: [SlotPolicyAnnouncer, StoredBytesLimit, StreamQuota, TextQuota],
  exports: [StoredBytesLimit, StreamQuota, TextQuota],
})
export class QuotaModule {}
