import type { ThreadView } from '@millrace/contracts';
import { threadView } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { type NamedThread, ThreadAccess } from './thread-access.ts';

/** Gets one thread. @see PROTOCOL.md §10 */
@Injectable()
export class GetThread {
  constructor(@Inject(ThreadAccess) private readonly access: ThreadAccess) {}

  /** @throws ThreadNotFound, AmbiguousId, ContentUnreadable */
  async run(named: NamedThread): Promise<ThreadView> {
    return threadView(await this.access.settled(named));
  }
}
