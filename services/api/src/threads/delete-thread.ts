import type { JobRef } from '@millrace/contracts';
import { isFinished, type JobCatalogue, type JobPage, type JobReader } from '@millrace/stream-log';
import type { Checkpoints, ThreadRecord, Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import { Unavailable } from '../http/problem.ts';
import { JobQueue } from '../jobs/queue/job-queue.ts';
import { Cancellation } from '../jobs/steps/cancellation.ts';
import { type ErasableJob, JobErasure } from '../jobs/steps/job-erasure.ts';
import { CHECKPOINTS, JOB_CATALOGUE, JOB_READER, THREADS } from '../tokens.ts';
import { type NamedThread, ThreadAccess } from './thread-access.ts';

const BATCH = 200;
/** How often to start again for jobs that come while the thread is deleted. */
const MAX_ROUNDS = 20;

/** Deletes a thread, with its jobs and checkpoints. What runs is cancelled first, so that its watchers hear of it. The jobs go
 *  before the thread: what a crash leaves is still there for the next DELETE. @see PROTOCOL.md §10 */
@Injectable()
export class DeleteThread {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(JobErasure) private readonly erasure: JobErasure,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @throws ThreadNotFound, AmbiguousId
   *  @throws Unavailable new jobs came all the time */
  async run(named: NamedThread): Promise<void> {
    const thread = await this.access.get(named);
    const { ref, tenant, threadId } = thread;
    const by = tenant === named.caller.tenant ? 'owner' : 'admin';
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      await this.#eraseJobs(thread, by);
      // before the thread: a new one of this id must not lose its own
      await this.checkpoints.erase(ref);
      if (await this.threads.erase(ref)) {
        await this.queue.forgetErased();
        this.audit.record(named.caller, { action: 'thread.delete', tenant, target: threadId });
        return;
      }
    }
    throw new Unavailable();
  }

  /** Those that wait go first: none of them may get the turn that the running one gives up. */
  async #eraseJobs({ tenant, threadId }: ThreadRecord, by: 'owner' | 'admin'): Promise<void> {
    const refs = await this.#jobsOf(tenant, threadId);
    const jobs = await this.reader.outlines(refs);
    const open = jobs.filter((job) => job !== null).filter(({ status }) => !isFinished(status));
    for (const status of ['queued', 'active']) {
      const own = open.filter((job) => job.status === status);
      await Promise.all(own.map(({ ref }) => this.cancellation.cancel(ref, by)));
    }
    const all = jobs.map((job, place) => job ?? goneJob(refs[place], threadId));
    await Promise.all(all.map((job) => (job === null ? null : this.erasure.ended(job))));
  }

  async #jobsOf(tenant: string, threadId: string): Promise<JobRef[]> {
    const refs: JobRef[] = [];
    let cursor: string | undefined;
    do {
      const page: JobPage = await this.catalogue.list({ tenant, threadId, limit: BATCH, cursor });
      refs.push(...page.refs);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return refs;
  }
}

/** A listed job without a record: what else is known of it goes, too. */
function goneJob(ref: JobRef | undefined, threadId: string): ErasableJob | null {
  return ref === undefined ? null : { ref, threadId, idempotencyDigest: null };
}
