import { type ForkThreadBody, newRequestId, type ThreadView, threadRef } from '@millrace/contracts';
import { type Checkpoints, type Threads, threadView } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { CheckpointNotFound, ThreadExists, ThreadNotFound, Unavailable } from '../http/problem.ts';
import { StoredBytesLimit } from '../quota/stored-bytes-limit.ts';
import { CHECKPOINTS, THREADS } from '../tokens.ts';
import { type NamedThread, ThreadAccess } from './thread-access.ts';

/** Makes a thread that begins where another stands, or stood. It belongs to the same tenant. @see PROTOCOL.md §10 */
@Injectable()
export class ForkThread {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(StoredBytesLimit) private readonly storedBytes: StoredBytesLimit,
  ) {}

  /** @throws ThreadNotFound, AmbiguousId, CheckpointNotFound, ThreadExists, StorageFull, ContentUnreadable */
  async run(named: NamedThread, { id = newRequestId(), checkpointId }: ForkThreadBody): Promise<ThreadView> {
    const { ref: from, tenant, bytes } = await this.access.settled(named);
    await this.storedBytes.requireRoom(tenant, bytes);
    const to = threadRef(tenant, id);
    switch (await this.threads.fork({ from, to, checkpointId, checkpoints: this.checkpoints })) {
      case 'unknown-thread':
        throw new ThreadNotFound();
      case 'unknown-job': // no job was named
      case 'unknown-checkpoint':
        throw new CheckpointNotFound();
      case 'exists':
        throw new ThreadExists();
      case 'forked': {
        const thread = await this.threads.get(to);
        if (thread === null) throw new Unavailable(); // it was deleted at once
        return threadView(thread);
      }
    }
  }
}
