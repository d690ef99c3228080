import { type ThreadRef, threadRef } from '@millrace/contracts';
import { isFinished, type JobOutline } from '@millrace/stream-log';
import type { Checkpoints, Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { ThreadBusy, ThreadExists, ThreadNotFound } from '../http/problem.ts';
import { JobAccess } from '../jobs/job-access.ts';
import { Pipelines } from '../jobs/pipelines/pipelines.ts';
import { StoredBytesLimit } from '../quota/stored-bytes-limit.ts';
import { CHECKPOINTS, THREADS } from '../tokens.ts';
import { JobCheckpoints } from './job-checkpoints.ts';
import { ThreadAccess } from './thread-access.ts';

/** Makes a thread that ends with a job of another one, which has moved on since. */
@Injectable()
export class ForkAtJob {
  constructor(
    @Inject(JobAccess) private readonly jobs: JobAccess,
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(JobCheckpoints) private readonly jobCheckpoints: JobCheckpoints,
    @Inject(Pipelines) private readonly pipelines: Pipelines,
    @Inject(StoredBytesLimit) private readonly storedBytes: StoredBytesLimit,
  ) {}

  /** @param id of the new thread
   *  @throws ThreadNotFound, CheckpointNotFound the thread, or what the job did in it, is gone
   *  @throws ThreadBusy the job has not ended
   *  @throws ThreadExists, StorageFull, JobNotFound */
  async run({ jobId, tenant }: JobOutline, caller: Caller, id: string): Promise<void> {
    const job = await this.jobs.get({ jobId, caller, tenant });
    if (job.threadId === null) throw new ThreadNotFound();
    const { ref: from, bytes, activeJob } = await this.access.settled({ threadId: job.threadId, caller, tenant });
    if (!isFinished(job.status) || activeJob === jobId) throw new ThreadBusy();
    await this.storedBytes.requireRoom(tenant, bytes);
    const part = await this.#endOf(job, from);
    const { checkpoints } = this;
    const outcome = await this.threads.fork({ from, to: threadRef(tenant, id), checkpoints, ...part });
    if (outcome === 'exists') throw new ThreadExists();
    if (outcome !== 'forked') throw new ThreadNotFound();
  }

  /** Removes a copy that nobody needs after all. */
  async undo({ tenant }: JobOutline, id: string): Promise<void> {
    const ref = threadRef(tenant, id);
    await this.checkpoints.erase(ref);
    await this.threads.erase(ref);
  }

  /** Where the job has left the thread: an agent at a checkpoint, others after a message. */
  async #endOf({ jobId, pipeline }: JobOutline, ref: ThreadRef) {
    const isAgent = (await this.pipelines.known()).get(pipeline)?.kind === 'agent';
    const end = { side: 'after', jobId } as const;
    return { end, ...(isAgent ? { checkpointId: await this.jobCheckpoints.after(jobId, ref) } : {}) };
  }
}
