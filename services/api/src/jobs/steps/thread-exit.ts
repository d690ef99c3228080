import { idOf, type JobRef, type JobStatus, jobRef, type ThreadRef, tenantOf, threadRef } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import {
  ContentUnreadable,
  isFinished,
  type JobOutline,
  type JobReader,
  requireContents,
  saidBy,
} from '@millrace/stream-log';
import { type Checkpoints, type Ending, privateThread, type ThreadRecord, type Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { CHECKPOINTS, JOB_READER, LOGGER, THREADS } from '../../tokens.ts';
import { Pipelines } from '../pipelines/pipelines.ts';
import { JobQueue } from '../queue/job-queue.ts';

/** A job that has ended, and the thread that it belongs to. */
export type LeavingJob = Pick<
  JobOutline,
  'ref' | 'pipeline' | 'attempt' | 'lastEventId' | 'interrupts' | 'unreadable'
> & {
  readonly threadId: string;
  readonly status: JobStatus;
};

/** Passes the turn of a thread on: the job that had it, or waited for it, has ended (law 17). */
@Injectable()
export class ThreadExit {
  constructor(
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(Pipelines) private readonly pipelines: Pipelines,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Tells the thread that the job has ended, and queues the next one. May be repeated: by the worker, the API or a sweep,
   *  whoever died before it was done.
   *  @throws ContentUnreadable `unavailable`: what it said cannot be read now */
  async leave(job: LeavingJob): Promise<void> {
    const { ref, threadId, status, interrupts } = job;
    // its questions would be lost
    requireContents(job);
    const said = job.attempt > 0 && (await this.#remembers(job.pipeline)) ? await saidBy(this.reader, job) : null;
    await this.#tell({
      ...{ ref: threadRef(tenantOf(ref), threadId), jobId: idOf(ref), status: endOf(status, interrupts) },
      ...{ said: said ?? [], interrupts, pipeline: job.pipeline },
    });
  }

  /** Ends the thread of its own that an agent's job without one had, if its worker has not. */
  async endPrivate({ ref, status, interrupts, pipeline }: Omit<LeavingJob, 'threadId'>): Promise<void> {
    const own = privateThread(tenantOf(ref), idOf(ref));
    await this.#tell({ ref: own, jobId: idOf(ref), status: endOf(status, interrupts), said: [], interrupts, pipeline });
  }

  /** Passes the turn on if the job has ended, or is gone.
   *  @returns the job as long as it is open, otherwise null */
  async leaveIfEnded(ref: JobRef, threadId: string): Promise<JobOutline | null> {
    const job = await this.reader.outline(ref);
    if (job !== null && !isFinished(job.status)) return job;
    if (job !== null) {
      requireContents(job);
      await this.leave({ ...job, threadId });
      return null;
    }
    await this.#tell({ ref: threadRef(tenantOf(ref), threadId), jobId: idOf(ref), status: 'cancelled' });
    return null;
  }

  /** Passes the turn on if the job that has it has ended: a client may learn of the end before the thread does.
   *  @returns whether the thread has no job that runs, or has another one now */
  async settle(thread: ThreadRef): Promise<boolean> {
    const record = await this.threads.get(thread);
    if (record === null || record.activeJob === null) return record !== null;
    return (await this.leaveIfEnded(jobRef(record.tenant, record.activeJob), record.threadId)) === null;
  }

  /** As {@link settle} for a page of threads, with one read for those that have ended nothing.
   *  @returns the threads as they are then; null: gone */
  async settleAll(threads: readonly ThreadRecord[]): Promise<(ThreadRecord | null)[]> {
    const busy = threads.filter(({ activeJob }) => activeJob !== null);
    const jobs = await Promise.allSettled(
      busy.map(({ tenant, activeJob }) => this.reader.outline(jobRef(tenant, activeJob ?? ''))),
    );
    const open = new Set(
      busy.filter((_, place) => {
        const job = jobs[place];
        // one that cannot be asked for now, in a shard that is lost, is shown as it was
        return job?.status !== 'fulfilled' || (job.value !== null && !isFinished(job.value.status));
      }),
    );
    return Promise.all(
      threads.map(async (thread) => {
        if (thread.activeJob === null || open.has(thread)) return thread;
        await this.leaveIfEnded(jobRef(thread.tenant, thread.activeJob), thread.threadId).catch(onceReadable);
        return this.threads.get(thread.ref);
      }),
    );
  }

  /** Whether the thread keeps what such a job says: an agent keeps its own state. */
  async #remembers(pipeline: string): Promise<boolean> {
    return (await this.pipelines.find(pipeline))?.kind === 'pipeline';
  }

  async #tell(ending: Ending): Promise<void> {
    const { next, outcome } = await this.threads.leave(ending);
    // the thread of its own that an agent's job had
    if (outcome === 'erased') await this.checkpoints.erase(ending.ref);
    if (next === null) return;
    const tenant = tenantOf(ending.ref);
    await this.queue.enqueueAll([jobRef(tenant, next)]);
    this.logger.info({ requestId: next, tenant }, 'has the turn');
  }
}

function endOf(status: JobStatus, interrupts: readonly unknown[]): Ending['status'] {
  if (status === 'completed') return interrupts.length > 0 ? 'interrupted' : 'completed';
  return status === 'cancelled' ? 'cancelled' : 'failed';
}

/** A thread whose job cannot be read now keeps it until a sweep can. */
function onceReadable(error: unknown): void {
  if (!(error instanceof ContentUnreadable)) throw error;
}
