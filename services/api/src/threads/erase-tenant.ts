import type { ContentCipher, IdempotencyKeys } from '@millrace/stream-log';
import type { Checkpoints, ThreadCatalogue, ThreadPage } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import type { Caller } from '../auth/caller.ts';
import { Unavailable } from '../http/problem.ts';
import { JobQueue } from '../jobs/queue/job-queue.ts';
import { CHECKPOINTS, CONTENT_CIPHER, IDEMPOTENCY_KEYS, THREAD_CATALOGUE } from '../tokens.ts';
import { Erasure } from './erasure.ts';

const BATCH = 100;
/** How often to start again for what comes while the tenant is erased. */
const MAX_ROUNDS = 20;

/** Erases all threads, jobs and memory of a tenant. Its keys and limits stay. @see PROTOCOL.md §11 */
@Injectable()
export class EraseTenant {
  constructor(
    @Inject(THREAD_CATALOGUE) private readonly catalogue: ThreadCatalogue,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(Erasure) private readonly erasure: Erasure,
    @Inject(IDEMPOTENCY_KEYS) private readonly idempotencyKeys: IdempotencyKeys,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(CONTENT_CIPHER) private readonly cipher: ContentCipher,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** May be repeated. A tenant that nobody knows has nothing.
   *  @throws ArchiveUnavailable the archive is away: what it has is erased when it is back, and nobody reads it meanwhile
   *  @throws Unavailable new jobs came all the time: withdraw the tenant's keys first; or a shard of Redis does not answer */
  async run(tenant: string, caller: Caller): Promise<void> {
    const by = tenant === caller.tenant ? 'owner' : 'admin';
    // before anything is lost: what follows may fail half-way
    this.audit.record(caller, { action: 'tenant.erase', tenant, target: tenant });
    await this.erasure.beginTenant(tenant);
    // first of what is lost: a job that comes meanwhile then has a key that stays
    await this.cipher.destroy(tenant);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const erased = (await this.#eraseThreads(tenant, by)) + (await this.erasure.jobs({ tenant }, by));
      if (erased > 0) continue;
      await this.erasure.archivedTenant(tenant);
      // last: a job that still ran might write to it again
      await this.checkpoints.eraseStore(tenant);
      await this.idempotencyKeys.forgetTenant(tenant);
      await this.queue.forgetErased();
      await this.audit.forgetTenant(tenant);
      return;
    }
    throw new Unavailable();
  }

  /** @returns how many threads there were */
  async #eraseThreads(tenant: string, by: 'owner' | 'admin'): Promise<number> {
    let erased = 0;
    let cursor: string | undefined;
    do {
      const page: ThreadPage = await this.catalogue.list(tenant, { limit: BATCH, cursor });
      if (page.isPartial) throw new Unavailable();
      for (const thread of page.threads) await this.erasure.thread(thread, by);
      erased += page.threads.length;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return erased;
  }
}
