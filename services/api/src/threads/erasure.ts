import type { ArchivedJobs } from '@millrace/archive';
import type { JobRef } from '@millrace/contracts';
import { isFinished, type JobCatalogue, type JobPage, type JobReader } from '@millrace/stream-log';
import type { Checkpoints, ThreadRecord, Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import { Unavailable } from '../http/problem.ts';
import { JobQueue } from '../jobs/queue/job-queue.ts';
import { Cancellation } from '../jobs/steps/cancellation.ts';
import { JobErasure } from '../jobs/steps/job-erasure.ts';
import { ThreadExit } from '../jobs/steps/thread-exit.ts';
import { ARCHIVED_JOBS, CHECKPOINTS, JOB_CATALOGUE, JOB_READER, THREADS } from '../tokens.ts';

const BATCH = 200;
/** How often to start again for jobs that come while things are erased. */
const MAX_ROUNDS = 20;

/** Which jobs to erase. */
interface JobSelection {
  readonly tenant: string;
  readonly threadId?: string;
}

/** Erases threads and jobs, whatever runs: it is cancelled first, so that its watchers hear of it. Jobs go before their thread:
 *  what a crash leaves is still there for the next try. */
@Injectable()
export class Erasure {
  constructor(
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(ThreadExit) private readonly exit: ThreadExit,
    @Inject(JobErasure) private readonly erasure: JobErasure,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(ARCHIVED_JOBS) private readonly archived: ArchivedJobs | null,
  ) {}

  /** Erases a thread, with its jobs and checkpoints.
   *  @throws Unavailable new jobs came all the time
   *  @throws ArchiveUnavailable */
  async thread({ ref, tenant, threadId }: ThreadRecord, by: 'owner' | 'admin'): Promise<void> {
    await this.threads.announceErasure(ref);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      await this.audit.forgetThread({ tenant, threadId });
      await this.jobs({ tenant, threadId }, by);
      await this.archivedJobs({ tenant, threadId });
      // before the thread: a new one of this id must not lose its own
      await this.checkpoints.erase(ref);
      if (await this.threads.erase(ref)) {
        await this.queue.forgetErased();
        await this.audit.forgetThread({ tenant, threadId });
        return;
      }
      // whoever ended the job that has the turn may have died before the thread knew
      await this.exit.settle(ref);
    }
    throw new Unavailable();
  }

  /** Erases the jobs of a thread that have left Redis for the archive.
   *  @throws ArchiveUnavailable */
  async archivedJobs({ tenant, threadId }: Required<JobSelection>): Promise<void> {
    for (let before: string | undefined; this.archived !== null; ) {
      // also those whose erasure has begun: it may have stopped half-way
      const page = await this.archived.listAll({ tenant, threadId, before, limit: BATCH }, tenant);
      const readable = page.items.map(({ ref, fields }) => ({
        ...{ ref, threadId, idempotencyDigest: fields['idempotencyDigest'] ?? null },
      }));
      // what nobody can read goes, too; its idempotency key is left to its own expiry
      const jobs = [...readable, ...page.unreadable.map(({ ref }) => ({ ref, threadId, idempotencyDigest: null }))];
      await this.audit.forgetJobs(jobs.map(({ ref }) => ref));
      await Promise.all(jobs.map((job) => this.erasure.ended(job)));
      if (page.next === null) return;
      before = page.next;
    }
  }

  /** To be called before anything of a tenant is erased: what follows may fail half-way, and the archive be away. */
  async beginTenant(tenant: string): Promise<void> {
    await this.archived?.beginTenantErasure(tenant);
  }

  /** Erases what the archive has of a tenant.
   *  @throws ArchiveUnavailable the rest is erased later; nobody reads it meanwhile */
  async archivedTenant(tenant: string): Promise<void> {
    await this.archived?.eraseTenant(tenant, async (refs) => {
      for (const slice of slices(refs)) await this.#erase(slice, null);
    });
  }

  /** Erases the jobs that are listed now, a slice at a time: others use the connection, too. Those that wait go first: none of them
   *  may get the turn that a running one gives up.
   *  @returns how many there were
   *  @throws Unavailable a shard of Redis does not answer */
  async jobs(selection: JobSelection, by: 'owner' | 'admin'): Promise<number> {
    const refs = await this.#listed(selection);
    const active: JobRef[] = [];
    for (const slice of slices(refs)) {
      const jobs = (await this.reader.outlines(slice)).filter((job) => job !== null);
      active.push(...jobs.filter(({ status }) => status === 'active').map(({ ref }) => ref));
      const queued = jobs.filter(({ status }) => status === 'queued');
      await Promise.all(queued.map(({ ref }) => this.cancellation.cancel(ref, by)));
    }
    for (const slice of slices(active)) await Promise.all(slice.map((ref) => this.cancellation.cancel(ref, by)));
    await this.audit.forgetJobs(refs);
    for (const slice of slices(refs)) await this.#erase(slice, selection.threadId ?? null);
    await this.audit.forgetJobs(refs);
    return refs.length;
  }

  /** @param threadId of those whose record is gone */
  async #erase(refs: readonly JobRef[], threadId: string | null): Promise<void> {
    const jobs = await this.reader.outlines(refs);
    await Promise.all(
      refs.map(async (ref, place) => {
        const job = jobs[place] ?? null;
        // the thread of its own that an agent's job had
        if (job !== null && job.threadId === null && isFinished(job.status)) await this.exit.endPrivate(job);
        // without a record: what else is known of it goes, too
        await this.erasure.ended(job ?? { ref, threadId, idempotencyDigest: null });
      }),
    );
  }

  async #listed(selection: JobSelection): Promise<JobRef[]> {
    const refs: JobRef[] = [];
    let cursor: string | undefined;
    do {
      const page: JobPage = await this.catalogue.list({ ...selection, limit: BATCH, cursor });
      // nothing may stay in a shard that does not answer
      if (page.isPartial) throw new Unavailable();
      refs.push(...page.refs);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return refs;
  }
}

function* slices(refs: readonly JobRef[]): Generator<readonly JobRef[]> {
  for (let start = 0; start < refs.length; start += BATCH) yield refs.slice(start, start + BATCH);
}
