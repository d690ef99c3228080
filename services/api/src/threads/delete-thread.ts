import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import { Erasure } from './erasure.ts';
import { type NamedThread, ThreadAccess } from './thread-access.ts';

/** Deletes a thread, with its jobs and checkpoints. @see PROTOCOL.md §10 */
@Injectable()
export class DeleteThread {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(Erasure) private readonly erasure: Erasure,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @throws ThreadNotFound, AmbiguousId
   *  @throws Unavailable new jobs came all the time */
  async run(named: NamedThread): Promise<void> {
    const thread = await this.access.get(named);
    const { tenant, threadId } = thread;
    // before anything is lost: what follows may fail half-way
    this.audit.record(named.caller, { action: 'thread.delete', tenant, target: threadId });
    await this.erasure.thread(thread, tenant === named.caller.tenant ? 'owner' : 'admin');
  }
}
