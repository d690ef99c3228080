import { idOf, type JobRef, jobRef, tenantOf } from '@millrace/contracts';
import { type JobCatalogue, JobNotFound, type JobOutline, type JobReader, NewerFormat } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { seesAllTenants } from '../auth/listed-tenant.ts';
import { includesJob } from '../auth/scope.ts';
import { AmbiguousId } from '../http/problem.ts';
import { JOB_CATALOGUE, JOB_READER } from '../tokens.ts';
import { JobFinder } from './job-finder.ts';

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
    @Inject(JobFinder) private readonly finder: JobFinder,
  ) {}

  /** @throws JobNotFound there is no such job, or the caller may not see it
   *  @throws NewerFormat another node has to be asked
   *  @throws ArchiveUnavailable
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
    requireOne(jobs.map((each) => each.tenant));
    const only = jobs[0] ?? (await this.#archived(own, { caller, seesAll: seesAll && tenant === undefined }));
    if (only === null) throw new JobNotFound(jobId);
    if (caller.scope !== null && !includesJob(caller.scope, only)) throw new JobNotFound(jobId);
    if (only.unreadable instanceof NewerFormat) throw only.unreadable;
    return only;
  }

  /** @returns a job that has left Redis; null: there is none */
  async #archived(
    own: JobRef,
    { caller, seesAll }: { readonly caller: Caller; readonly seesAll: boolean },
  ): Promise<JobOutline | null> {
    const refs = seesAll ? await this.finder.archivedHolders(idOf(own), caller.tenant) : [own];
    requireOne(refs.map(tenantOf));
    const [ref] = refs;
    return ref === undefined ? null : this.finder.archivedOutline(ref);
  }

  async #ofOtherTenants(jobId: string, own: JobRef): Promise<JobOutline[]> {
    const refs = (await this.catalogue.holdersOf(jobId)).filter((ref) => ref !== own);
    // the catalogue only hints: the record decides
    return (await this.reader.outlines(refs)).filter((job) => job !== null);
  }
}

/** @throws AmbiguousId jobs of several tenants have the id */
function requireOne(tenants: readonly string[]): void {
  if (tenants.length > 1) throw new AmbiguousId('job', tenants);
}
