import type { ArchivedJobs } from '@millrace/archive';
import type { JobRef } from '@millrace/contracts';
import type { JobOutline, JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Metrics } from '../health/metrics.ts';
import { ARCHIVED_JOBS, JOB_READER } from '../tokens.ts';

/** Finds a job wherever it is: one that has left Redis for the archive is put back for a while, so that whoever has its outline can read
 *  its log as that of any other. */
@Injectable()
export class JobFinder {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(ARCHIVED_JOBS) private readonly archived: ArchivedJobs | null,
    @Inject(Metrics) metrics: Metrics,
  ) {
    if (archived !== null) archived.onAsked = (outcome) => metrics.archiveAsked(outcome);
  }

  /** @returns null when there is no such job, or no longer
   *  @throws ArchiveUnavailable */
  async outline(ref: JobRef): Promise<JobOutline | null> {
    return (await this.reader.outline(ref)) ?? this.archivedOutline(ref);
  }

  /** As {@link outline}, of a job that is not in Redis. */
  async archivedOutline(ref: JobRef): Promise<JobOutline | null> {
    if (this.archived === null || !(await this.archived.thaw(ref))) return null;
    return this.reader.outline(ref);
  }

  /** @param asker the tenant that asks
   *  @returns the jobs of all tenants that have an id, in the archive alone
   *  @throws ArchiveUnavailable */
  async archivedHolders(jobId: string, asker: string): Promise<JobRef[]> {
    return this.archived === null ? [] : this.archived.holders(jobId, asker);
  }
}
