import type { ThreadView } from '@millrace/contracts';
import { type ContentUnreadable, NewerFormat } from '@millrace/stream-log';
import { listedView, type ThreadCatalogue, type ThreadPage, type ThreadRecord } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { listedTenant } from '../auth/listed-tenant.ts';
import { readListCursor, writeListCursor } from '../jobs/list-cursor.ts';
import { THREAD_CATALOGUE } from '../tokens.ts';
import { ThreadAccess } from './thread-access.ts';

/** How many threads one request looks through for a title: each costs a read (law 16). */
const MAX_SEARCHED = 500;

export interface ListThreadsQuery {
  readonly caller: Caller;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly tenant?: string | undefined;
  /** only threads whose metadata has a `title` with this in it, in any case */
  readonly search?: string | undefined;
}

export interface ThreadList {
  readonly items: readonly ThreadView[];
  /** null at the end. Any page may be short or empty */
  readonly nextCursor: string | null;
  /** a shard of Redis does not answer, and its threads are left out */
  readonly incomplete?: true;
}

type Searched = Omit<ThreadPage, 'places'>;

/** Lists the caller's threads, newest first; for an admin all threads, or one tenant's. @see PROTOCOL.md §10 */
@Injectable()
export class ListThreads {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(THREAD_CATALOGUE) private readonly catalogue: ThreadCatalogue,
  ) {}

  /** @throws InvalidCursor, Forbidden
   *  @throws ContentUnreadable one tenant's key cannot be had: all its threads would seem to have no titles. A list of all tenants goes on,
   *    and so does each past threads of a newer version */
  async run({ caller, limit, cursor, tenant, search }: ListThreadsQuery): Promise<ThreadList> {
    const scope = listedTenant(caller, tenant);
    const place = cursor === undefined ? undefined : readListCursor(cursor);
    const page: Searched = await (search === undefined
      ? this.catalogue.list(scope, { limit, cursor: place })
      : this.#search(scope, search.toLowerCase(), { limit, cursor: place }));
    const threads = await this.access.settledPage(page.threads);
    const keyless = threads.find(({ unreadable }) => unreadable !== null && lacksKey(unreadable))?.unreadable;
    if (scope !== null && keyless) throw keyless;
    return {
      items: threads.map(listedView),
      nextCursor: page.nextCursor === null ? null : writeListCursor(page.nextCursor),
      ...(page.isPartial ? { incomplete: true } : {}),
    };
  }

  async #search(
    scope: string | null,
    title: string,
    { limit, cursor }: { limit: number; cursor: string | undefined },
  ): Promise<Searched> {
    const found: ThreadRecord[] = [];
    let isPartial = false;
    let next = cursor ?? null;
    for (let searched = 0; searched < MAX_SEARCHED && found.length < limit; ) {
      // no more than may be found: the cursor is where the last page ended
      const pageSize = limit - found.length;
      const page = await this.catalogue.list(scope, { limit: pageSize, cursor: next ?? undefined });
      found.push(...page.threads.filter((thread) => mayHaveTitle(thread, title)));
      isPartial ||= page.isPartial === true;
      next = page.nextCursor;
      if (next === null) break;
      searched += pageSize;
    }
    return { threads: found, nextCursor: next, isPartial };
  }
}

/** Whether a list cannot go on: the key that it lacks is that of all threads of the tenant. */
export function lacksKey(error: ContentUnreadable): boolean {
  return error.reason === 'unavailable' && !(error instanceof NewerFormat);
}

/** One that cannot be read may be the one that is looked for: it must not vanish from a search. */
function mayHaveTitle({ metadata, unreadable }: ThreadRecord, title: string): boolean {
  return unreadable !== null || metadata['title']?.toLowerCase().includes(title) === true;
}
