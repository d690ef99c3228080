import { type ForkThreadBody, type ThreadView, threadRef } from '@millrace/contracts';
import { JobNotFound } from '@millrace/stream-log';
import { type Checkpoints, type Fork, type ThreadRecord, type Threads, threadView } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import {
  CheckpointNotFound,
  MessageNotFound,
  ThreadBusy,
  ThreadExists,
  ThreadNotFound,
  Unavailable,
} from '../http/problem.ts';
import { StoredBytesLimit } from '../quota/stored-bytes-limit.ts';
import { CHECKPOINTS, THREADS } from '../tokens.ts';
import { JobCheckpoints } from './job-checkpoints.ts';
import { type NamedThread, ThreadAccess } from './thread-access.ts';

/** Which part of a thread to copy. */
type Part = Pick<Fork, 'checkpointId' | 'end'>;

/** Makes a thread that begins where another stands, or stood. It belongs to the same tenant. @see PROTOCOL.md §10 */
@Injectable()
export class ForkThread {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(JobCheckpoints) private readonly jobCheckpoints: JobCheckpoints,
    @Inject(StoredBytesLimit) private readonly storedBytes: StoredBytesLimit,
  ) {}

  /** @throws ThreadNotFound, AmbiguousId, CheckpointNotFound, MessageNotFound, JobNotFound, ThreadExists, StorageFull
   *  @throws ThreadBusy the job that it is to end with runs
   *  @throws ContentUnreadable */
  async run(named: NamedThread, { id, ...place }: ForkThreadBody): Promise<ThreadView> {
    const thread = await this.access.settled(named);
    const { ref: from, tenant, bytes } = thread;
    await this.storedBytes.requireRoom(tenant, bytes);
    const part = await this.#partOf(thread, place);
    const to = threadRef(tenant, id ?? this.threads.newId(tenant));
    switch (await this.threads.fork({ from, to, ...part, checkpoints: this.checkpoints })) {
      case 'unknown-thread':
        throw new ThreadNotFound();
      case 'unknown-end':
        throw part.end?.jobId === undefined ? new MessageNotFound() : new JobNotFound(part.end.jobId);
      case 'unknown-checkpoint':
        throw new CheckpointNotFound();
      case 'exists':
        throw new ThreadExists();
      case 'forked': {
        const copy = await this.threads.get(to);
        if (copy === null) throw new Unavailable(); // it was deleted at once
        return threadView(copy);
      }
    }
  }

  async #partOf(thread: ThreadRecord, { before, after, checkpointId }: Omit<ForkThreadBody, 'id'>): Promise<Part> {
    const place = before ?? after;
    if (place === undefined) return { checkpointId };
    const side = before === undefined ? 'after' : 'before';
    const { jobId, messageId = '' } = place;
    if (side === 'after' && jobId !== undefined && jobId === thread.activeJob) throw new ThreadBusy();
    if (thread.head === null) return { end: jobId === undefined ? { side, messageId } : { side, jobId } };
    return {
      checkpointId: await this.jobCheckpoints[side](jobId ?? (await this.#jobOf(messageId, thread)), thread.ref),
    };
  }

  /** An agent's thread is cut where a job began or ended. */
  async #jobOf(messageId: string, { ref }: ThreadRecord): Promise<string> {
    const job = (await this.checkpoints.jobsOfMessages(ref, [messageId])).get(messageId);
    if (job === undefined) throw new MessageNotFound();
    return job;
  }
}
