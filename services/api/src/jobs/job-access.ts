import { type JobRef, jobRef } from '@millrace/contracts';
import { type JobCatalogue, JobNotFound, type JobOutline, type JobReader, NewerFormat } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { seesAllTenants } from '../auth/listed-tenant.ts';
import { includesJob } from '../auth/scope.ts';
import { AmbiguousId } from '../http/problem.ts';
import { JOB_CATALOGUE, JOB_READER } from '../tokens.ts';

/** A job as a request names it. */
export interface NamedJob {
  readonly jobId: string;
  readonly caller: Caller;
  /** `?tenant=`: whose job an admin means */
  readonly tenant?: string | undefined;
}

/** The only way from an id to a job, and the only place that compares tenants (law 14). It looks up a caller's id among
 *  the jobs of the caller's tenant, so that another tenant's job leaves no trace in the answer. */
@Injectable()
export class JobAccess {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
  ) {}

  /** @throws JobNotFound there is no such job, or the caller may not see it
   *  @throws NewerFormat another node has to be asked
   *  @throws AmbiguousId jobs of several tenants have the id, and an admin has not chosen one
   *  @see PROTOCOL.md §1 */
  async get({ jobId, caller, tenant }: NamedJob): Promise<JobOutline> {
    const seesAll = seesAllTenants(caller);
    if (tenant !== undefined && tenant !== caller.tenant && !seesAll) throw new JobNotFound(jobId);
    const own = jobRef(tenant ?? caller.tenant, jobId);
    const [job, others] = await Promise.all([
      this.reader.outline(own),
      seesAll && tenant === undefined ? this.#ofOtherTenants(jobId, own) : [],
    ]);
    const jobs = job === null ? others : [job, ...others];
    if (jobs.length > 1)
      throw new AmbiguousId(
        'job',
        jobs.map((each) => each.tenant),
      );
    const [only] = jobs;
    if (only === undefined) throw new JobNotFound(jobId);
    if (caller.scope !== null && !includesJob(caller.scope, only)) throw new JobNotFound(jobId);
    if (only.unreadable instanceof NewerFormat) throw only.unreadable;
    return only;
  }

  async #ofOtherTenants(jobId: string, own: JobRef): Promise<JobOutline[]> {
    const refs = (await this.catalogue.holdersOf(jobId)).filter((ref) => ref !== own);
    // the catalogue only hints: the record decides
    return (await this.reader.outlines(refs)).filter((job) => job !== null);
  }
}
