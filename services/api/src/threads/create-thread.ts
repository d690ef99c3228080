import { type CreateThreadBody, type ThreadView, threadRef } from '@millrace/contracts';
import { type Threads, TooMuchMetadata, threadView } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { InvalidRequest } from '../http/problem.ts';
import { StoredBytesLimit } from '../quota/stored-bytes-limit.ts';
import { THREADS } from '../tokens.ts';

/** Makes a thread, or merges metadata into one that is there. @see PROTOCOL.md §10 */
@Injectable()
export class CreateThread {
  constructor(
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(StoredBytesLimit) private readonly storedBytes: StoredBytesLimit,
  ) {}

  /** @throws StorageFull, InvalidRequest, ContentUnreadable */
  async run(
    { id, metadata }: CreateThreadBody,
    { tenant }: Caller,
  ): Promise<{ readonly created: boolean; readonly thread: ThreadView }> {
    await this.storedBytes.requireRoom(tenant);
    try {
      const { created, thread } = await this.threads.create(threadRef(tenant, id ?? this.threads.newId(tenant)), {
        metadata,
      });
      return { created, thread: threadView(thread) };
    } catch (error) {
      if (!(error instanceof TooMuchMetadata)) throw error;
      throw new InvalidRequest('See errors.', [
        { pointer: '/metadata', detail: `must have ${error.maxKeys} entries at most, with those that the thread has` },
      ]);
    }
  }
}
