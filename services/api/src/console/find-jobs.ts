import { type JobStatus, jobRef } from '@millrace/contracts';
import type { JobCatalogue, JobOutline, JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { listedTenant } from '../auth/listed-tenant.ts';
import { JobFinder } from '../jobs/job-finder.ts';
import { JobPages } from '../jobs/job-pages.ts';
import { readListCursor, writeListCursor } from '../jobs/list-cursor.ts';
import { JOB_CATALOGUE, JOB_READER } from '../tokens.ts';
import { type JobSummary, summaryOf } from './inspect-job.ts';

export interface FindJobsQuery {
  readonly caller: Caller;
  readonly limit: number;
  readonly cursor?: string | undefined;
  /** only those with this id, of all tenants that the caller sees */
  readonly id?: string | undefined;
  readonly status?: JobStatus | undefined;
  readonly tenant?: string | undefined;
  readonly pipeline?: string | undefined;
  readonly model?: string | undefined;
}

export interface FoundJobs {
  readonly items: readonly JobSummary[];
  /** null at the end. Any page may be short or empty */
  readonly nextCursor: string | null;
  /** some are left out. @see JobOutlines */
  readonly incomplete?: true;
}

/** Finds jobs by their id, or the latest ones by what they are. */
@Injectable()
export class FindJobs {
  constructor(
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JobPages) private readonly pages: JobPages,
    @Inject(JobFinder) private readonly finder: JobFinder,
  ) {}

  /** @throws InvalidCursor, Forbidden, OutOfScope
   *  @throws ArchiveUnavailable it is away, and Redis has no more jobs from the cursor on */
  async run(query: FindJobsQuery): Promise<FoundJobs> {
    const { caller, tenant, limit, cursor } = query;
    const scope = listedTenant(caller, tenant);
    if (query.id !== undefined) return { items: await this.#byId(query.id, scope, caller.tenant), nextCursor: null };
    const page = {
      ...{ tenant: scope, status: query.status, asker: caller.tenant, limit },
      before: cursor === undefined ? undefined : readListCursor(cursor),
    };
    const { jobs, next, isPartial } = await this.pages.read(page, (job) => matches(job, query));
    return {
      ...{ items: jobs.map(summaryOf), nextCursor: next === null ? null : writeListCursor(next) },
      ...(isPartial ? { incomplete: true } : {}),
    };
  }

  async #byId(id: string, scope: string | null, asker: string): Promise<JobSummary[]> {
    const refs = scope === null ? await this.catalogue.holdersOf(id) : [jobRef(scope, id)];
    const jobs = (await this.reader.outlines(refs)).filter((job) => job !== null);
    return (jobs.length > 0 ? jobs : await this.#archivedById(id, scope, asker)).map(summaryOf);
  }

  async #archivedById(id: string, scope: string | null, asker: string): Promise<JobOutline[]> {
    const refs = scope === null ? await this.finder.archivedHolders(id, asker) : [jobRef(scope, id)];
    const jobs = await Promise.all(refs.map((ref) => this.finder.archivedOutline(ref)));
    return jobs.filter((job) => job !== null);
  }
}

function matches(job: JobOutline, { status, pipeline, model }: FindJobsQuery): boolean {
  return (
    (status ?? job.status) === job.status &&
    (pipeline ?? job.pipeline) === job.pipeline &&
    (model ?? job.model) === job.model
  );
}
