import { type JobRef, jobRef, tenantOf, threadRef } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { JobOutline } from '@millrace/stream-log';
import type { Checkpoints, ThreadCatalogue, ThreadRecord, Threads } from '@millrace/threads';
import { remainingDelayMs } from '../queue/job-queue.ts';
import type { Cancellation } from '../steps/cancellation.ts';
import type { JobErasure } from '../steps/job-erasure.ts';
import { isRefusal, type ThreadEntry } from '../steps/thread-entry.ts';
import type { ThreadExit } from '../steps/thread-exit.ts';

const BATCH = 200;

export interface ThreadSweepPorts {
  /** of one shard */
  readonly own: Threads;
  /** of one shard */
  readonly catalogue: ThreadCatalogue;
  /** of all shards, as all that follows */
  readonly threads: Threads;
  readonly checkpoints: Checkpoints;
  readonly entry: ThreadEntry;
  readonly exit: ThreadExit;
  readonly cancellation: Cancellation;
  readonly erasure: JobErasure;
  readonly logger: Logger;
}

/** Mends what a crash left open between a thread, its jobs and the queue (law 17). Every step is one that a request or a worker
 *  takes, too, and may be repeated. */
export class ThreadSweep {
  constructor(private readonly ports: ThreadSweepPorts) {}

  /** Of jobs without a queue entry, those that are to have one: all but those that wait in their threads. One that has no place in
   *  its thread yet gets it now. */
  async toQueue(jobs: readonly JobOutline[]): Promise<JobOutline[]> {
    const refs = jobs.flatMap(({ ref, threadId }) => (threadId === null ? [] : threadRef(tenantOf(ref), threadId)));
    const waiting = new Set<JobRef>();
    // their shard does not answer: the next sweep asks again
    const unknown = new Set<string>();
    await Promise.all(
      [...new Set(refs)].map(async (ref) => {
        try {
          for (const jobId of await this.ports.threads.waiting(ref)) waiting.add(jobRef(tenantOf(ref), jobId));
        } catch (error) {
          this.ports.logger.debug({ thread: ref, err: error }, 'thread not swept');
          unknown.add(ref);
        }
      }),
    );
    const settled = await Promise.all(
      jobs.map(async (job) => {
        if (!mayWait(job)) return true;
        if (waiting.has(job.ref) || unknown.has(threadRef(job.tenant, job.threadId ?? ''))) return false;
        return this.#mayEnter(job);
      }),
    );
    return jobs.filter((_, place) => settled[place]);
  }

  /** Tells a thread of a job that has ended. */
  async leave(job: JobOutline): Promise<void> {
    if (job.threadId !== null) await this.ports.exit.leave({ ...job, threadId: job.threadId });
  }

  /** Goes through the threads that may be busy: passes on the turn of a job that has ended, and cancels one that is to make way.
   *  @param olderThanMs younger jobs may still be on their way to the queue, milliseconds
   *  @returns the jobs that have the turn: registry and queue may have lost them */
  async mendBusy(olderThanMs: number): Promise<JobRef[]> {
    const active: JobRef[] = [];
    const youngest = Date.now() - olderThanMs;
    let cursor: string | undefined;
    do {
      const page = await this.ports.catalogue.busy({ limit: BATCH, cursor });
      // what a running agent stores grows
      await this.ports.own.account(page.threads);
      const jobs = await Promise.all(page.threads.map((thread) => this.#mend(thread)));
      active.push(...jobs.flatMap((job) => (job !== null && job.createdAt <= youngest ? job.ref : [])));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return active;
  }

  /** Removes threads that have expired from lists, counts and a database.
   *  @returns how many were due */
  purgeExpired(limit: number): Promise<number> {
    return this.ports.own.purgeExpired(limit, async (ref) => {
      // one that was made again may be in another shard
      if ((await this.ports.threads.get(ref)) === null) await this.ports.checkpoints.erase(ref);
    });
  }

  /** @returns the job that has the turn, unless it has ended */
  async #mend({ ref, threadId, tenant, activeJob, makesWay }: ThreadRecord): Promise<JobOutline | null> {
    if (activeJob === null) return null;
    try {
      const job = await this.ports.exit.leaveIfEnded(jobRef(tenant, activeJob), threadId);
      if (job === null || !makesWay) return job;
      await this.ports.entry.makeWay(job.ref, threadId);
      return null;
    } catch (error) {
      this.ports.logger.debug({ thread: ref, err: error }, 'thread not mended');
      return null;
    }
  }

  /** As {@link #enter}. What cannot be had now, such as its tenant's key, is left to the next sweep: others must not wait for it. */
  async #mayEnter(job: JobOutline): Promise<boolean> {
    try {
      return await this.#enter(job);
    } catch (error) {
      this.ports.logger.debug({ requestId: job.jobId, tenant: job.tenant, err: error }, 'not entered into its thread');
      return false;
    }
  }

  /** @returns whether the job is to be queued */
  async #enter(job: JobOutline): Promise<boolean> {
    const { ref, threadId, delayMs } = job;
    if (threadId === null || remainingDelayMs(job) > 0) return true;
    try {
      return await this.ports.entry.enter({ ...job, threadId, wasExpected: delayMs > 0 });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // nobody was told of a job that its thread refuses at once
      if (delayMs > 0 || !(await this.ports.erasure.refused(job))) await this.ports.cancellation.cancel(ref, 'thread');
      this.ports.logger.warn({ requestId: job.jobId, tenant: job.tenant }, 'refused by its thread');
      return false;
    }
  }
}

/** Whether a job without a queue entry may be where it belongs: it waits for its turn. */
function mayWait({ threadId, status, attempt }: JobOutline): boolean {
  return threadId !== null && status === 'queued' && attempt === 0;
}
