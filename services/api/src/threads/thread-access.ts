import { type ThreadRef, threadRef } from '@millrace/contracts';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { ThreadNotFound } from '../http/problem.ts';

/** A thread as a request names it. */
export interface NamedThread {
  readonly threadId: string;
  readonly caller: Caller;
  /** `?tenant=`: whose thread an admin means */
  readonly tenant?: string | undefined;
}

/** The only way from an id to a thread, and the only place that compares tenants (law 14). An id names a thread of the
 *  caller's tenant, so that another tenant's thread leaves no trace in the answer. */
@Injectable()
export class ThreadAccess {
  /** @returns the thread that the request names, which may not exist
   *  @throws ThreadNotFound the caller may not see threads of that tenant */
  refOf({ threadId, caller, tenant }: NamedThread): ThreadRef {
    const isOwn = tenant === undefined || tenant === caller.tenant;
    if (!isOwn && !caller.permissions.has('tenants:all')) throw new ThreadNotFound();
    return threadRef(tenant ?? caller.tenant, threadId);
  }
}
