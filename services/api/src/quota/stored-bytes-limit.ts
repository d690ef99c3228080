import type { JobCatalogue } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { StorageFull } from '../http/problem.ts';
import { JOB_CATALOGUE } from '../tokens.ts';
import { TenantLimits } from './tenant-limits.ts';

/** Refuses what would not fit into the bytes that a tenant may use in Redis (law 16). */
@Injectable()
export class StoredBytesLimit {
  constructor(
    @Inject(TenantLimits) private readonly limits: TenantLimits,
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
  ) {}

  /** For what is counted once it is stored, one thing at a time.
   *  @param bytes about how large it will be
   *  @throws StorageFull the tenant has used up what it may store */
  async requireRoom(tenant: string, bytes = 0): Promise<void> {
    const { storedBytes: max } = this.limits.limitsOf(tenant);
    if (max !== null && (await this.catalogue.storedBytesOf(tenant)) + bytes >= max) throw new StorageFull(max);
  }
}
