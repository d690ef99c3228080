import { type JobRef, jobRef } from '@millrace/contracts';
import type { JobCatalogue, JobOutline, JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { AmbiguousId, UnknownJob } from '../http/problem.ts';
import { JOB_CATALOGUE, JOB_READER } from '../tokens.ts';

/** What a request names. */
export interface NamedJob {
  readonly id: string;
  readonly caller: Caller;
  /** `?tenant=`: whose job an admin means */
  readonly tenant?: string | undefined;
}

/** The only way from an id to a job (law 14). A caller's id is looked for among its tenant's own, so that another tenant's
 *  job, or its size, leaves no trace in the answer. */
@Injectable()
export class JobAccess {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
  ) {}

  /** @throws UnknownJob there is none, or it is not the caller's
   *  @throws AmbiguousId several tenants hold the id, and an admin has not said which one is meant
   *  @see PROTOCOL.md §1 */
  async get({ id, caller, tenant }: NamedJob): Promise<JobOutline> {
    if (tenant !== undefined && tenant !== caller.tenant && !caller.isAdmin) throw new UnknownJob();
    const own = jobRef(tenant ?? caller.tenant, id);
    const [job, others] = await Promise.all([
      this.reader.outline(own),
      caller.isAdmin && tenant === undefined ? this.#heldByOthers(id, own) : [],
    ]);
    const held = job === null ? others : [job, ...others];
    if (held.length > 1) throw new AmbiguousId(held.map((each) => each.tenant));
    const [only] = held;
    if (only === undefined) throw new UnknownJob();
    return only;
  }

  async #heldByOthers(id: string, own: JobRef): Promise<JobOutline[]> {
    const refs = (await this.catalogue.holdersOf(id)).filter((ref) => ref !== own);
    // the catalogue's entries are hints: the record decides
    return (await this.reader.outlines(refs)).filter((job) => job !== null);
  }
}
