import type { ThreadView } from '@millrace/contracts';
import { threadView } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { ThreadExit } from '../jobs/steps/thread-exit.ts';
import { type NamedThread, ThreadAccess } from './thread-access.ts';

/** Gets one thread. @see PROTOCOL.md §10 */
@Injectable()
export class GetThread {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(ThreadExit) private readonly exit: ThreadExit,
  ) {}

  /** @throws ThreadNotFound, AmbiguousId */
  async run(named: NamedThread): Promise<ThreadView> {
    const thread = await this.access.get(named);
    const isSettled = thread.activeJob !== null && (await this.exit.settle(thread.ref));
    return threadView(isSettled ? await this.access.get(named) : thread);
  }
}
