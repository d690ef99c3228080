import type { ThreadView } from '@millrace/contracts';
import { listedView, type ThreadCatalogue } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { listedTenant } from '../auth/listed-tenant.ts';
import { readListCursor, writeListCursor } from '../jobs/list-cursor.ts';
import { THREAD_CATALOGUE } from '../tokens.ts';
import { ThreadAccess } from './thread-access.ts';

export interface ListThreadsQuery {
  readonly caller: Caller;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly tenant?: string | undefined;
}

export interface ThreadList {
  readonly items: readonly ThreadView[];
  /** null at the end. Any page may be short or empty */
  readonly nextCursor: string | null;
}

/** Lists the caller's threads, newest first; for an admin all threads, or one tenant's. @see PROTOCOL.md §10 */
@Injectable()
export class ListThreads {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(THREAD_CATALOGUE) private readonly catalogue: ThreadCatalogue,
  ) {}

  /** @throws InvalidCursor, Forbidden, ContentUnreadable */
  async run({ caller, limit, cursor, tenant }: ListThreadsQuery): Promise<ThreadList> {
    const scope = listedTenant(caller, tenant);
    const place = cursor === undefined ? undefined : readListCursor(cursor);
    const page = await this.catalogue.list(scope, { limit, cursor: place });
    return {
      items: (await this.access.settledPage(page.threads)).map(listedView),
      nextCursor: page.nextCursor === null ? null : writeListCursor(page.nextCursor),
    };
  }
}
