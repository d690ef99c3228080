import { type ThreadRef, threadRef } from '@millrace/contracts';
import { NewerFormat } from '@millrace/stream-log';
import type { ThreadCatalogue, ThreadRecord, Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { seesAllTenants } from '../auth/listed-tenant.ts';
import { AmbiguousId, ThreadNotFound } from '../http/problem.ts';
import { ThreadExit } from '../jobs/steps/thread-exit.ts';
import { THREAD_CATALOGUE, THREADS } from '../tokens.ts';

/** A thread as a request names it. */
export interface NamedThread {
  readonly threadId: string;
  readonly caller: Caller;
  /** `?tenant=`: whose thread an admin means */
  readonly tenant?: string | undefined;
}

/** A thread that is read, which may be large. */
export interface ReadThread extends NamedThread {
  /** Called with the bytes that it has in Redis: resolves when it may be read.
   *  @throws Problem too many are being read */
  readonly admit: (bytes: number) => Promise<void>;
}

/** The only way from an id to a thread, and the only place that compares tenants of threads (law 14). As with jobs, a caller's
 *  id is looked up among the threads of the caller's tenant, so that another tenant's thread leaves no trace in the answer. */
@Injectable()
export class ThreadAccess {
  constructor(
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(THREAD_CATALOGUE) private readonly catalogue: ThreadCatalogue,
    @Inject(ThreadExit) private readonly exit: ThreadExit,
  ) {}

  /** @throws ThreadNotFound there is no such thread, or the caller may not see it
   *  @throws AmbiguousId threads of several tenants have the id, and an admin has not chosen one */
  async get({ threadId, caller, tenant }: NamedThread): Promise<ThreadRecord> {
    const seesAll = seesAllTenants(caller);
    if (tenant !== undefined && tenant !== caller.tenant && !seesAll) throw new ThreadNotFound();
    const own = threadRef(tenant ?? caller.tenant, threadId);
    const [thread, others] = await Promise.all([
      this.threads.get(own),
      seesAll && tenant === undefined ? this.#ofOtherTenants(threadId, own) : [],
    ]);
    const threads = thread === null ? others : [thread, ...others];
    if (threads.length > 1) {
      throw new AmbiguousId(
        'thread',
        threads.map((each) => each.tenant),
      );
    }
    const [only] = threads;
    if (only === undefined) throw new ThreadNotFound();
    if (caller.scope?.threads.has(threadId) === false) throw new ThreadNotFound();
    return only;
  }

  /** Gets a thread that knows of every end that its reader may know of: a client may learn of a job's end before the thread
   *  does.
   *  @throws ThreadNotFound, AmbiguousId */
  async settled(named: NamedThread): Promise<ThreadRecord> {
    const thread = await this.get(named);
    const hasChanged = thread.activeJob !== null && (await this.exit.settle(thread.ref));
    return hasChanged ? this.get(named) : thread;
  }

  /** As {@link settled}, for a page of threads; those that are gone are left out. */
  async settledPage(threads: readonly ThreadRecord[]): Promise<readonly ThreadRecord[]> {
    return (await this.exit.settleAll(threads)).filter((thread) => thread !== null);
  }

  /** As {@link settled}, once the caller may read it.
   *  @throws NewerFormat another node has to be asked */
  async readable(named: ReadThread): Promise<ThreadRecord> {
    const thread = await this.settled(named);
    if (thread.unreadable instanceof NewerFormat) throw thread.unreadable;
    await named.admit(thread.bytes);
    return thread;
  }

  async #ofOtherTenants(threadId: string, own: ThreadRef): Promise<ThreadRecord[]> {
    const refs = (await this.catalogue.holdersOf(threadId)).filter((ref) => ref !== own);
    // the catalogue only hints: the record decides
    const threads = await Promise.all(refs.map((ref) => this.threads.get(ref)));
    return threads.filter((thread) => thread !== null);
  }
}
