import { type ThreadView, threadIdSchema } from '@millrace/contracts';
import { selected, type WireThread, wireThread } from '@millrace/protocols';
import { ContentUnreadable } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import { ThreadNotFound } from '../http/problem.ts';
import { ListThreads, lacksKey } from '../threads/list-threads.ts';
import { LangGraphStates } from './langgraph-states.ts';

/** The newest threads that a search looks at. */
const MOST_THREADS = 1_000;
const PAGE = 100;

const empty = (why: string) =>
  z
    .unknown()
    .refine((value) => value === undefined || value === null || Object.keys(value as object).length === 0, why)
    .optional();

/** The body of `POST /langgraph/threads/count`. Unknown fields are accepted. */
export const threadCountSchema = z.object({
  metadata: z.record(z.string(), z.unknown()).nullish(),
  status: z.enum(['idle', 'busy', 'interrupted', 'error']).nullish(),
  values: empty('is not supported: threads are not searched by their state'),
});

/** The body of `POST /langgraph/threads/search`. */
export const threadSearchSchema = threadCountSchema.extend({
  ids: z.array(threadIdSchema).max(1_000).nullish(),
  limit: z.number().int().min(1).max(100).default(10),
  offset: z.number().int().min(0).max(MOST_THREADS).default(0),
  sort_by: z.enum(['thread_id', 'status', 'created_at', 'updated_at', 'state_updated_at']).nullish(),
  sort_order: z.enum(['asc', 'desc']).nullish(),
  select: z.array(z.string().max(64)).max(32).nullish(),
  extract: empty('is not supported: read the values'),
});

type Filter = z.output<typeof threadCountSchema> & { readonly ids?: readonly string[] | null | undefined };

/** Searches the caller's threads as LangGraph's clients ask for them: among the newest 1,000. */
@Injectable()
export class LangGraphThreadSearch {
  constructor(
    @Inject(ListThreads) private readonly listThreads: ListThreads,
    @Inject(LangGraphStates) private readonly states: LangGraphStates,
  ) {}

  async run(
    query: z.output<typeof threadSearchSchema>,
    { caller, reply }: { readonly caller: Caller; readonly reply: FastifyReply },
  ): Promise<Partial<WireThread>[]> {
    const { limit, offset, sort_by: by, sort_order: order, select } = query;
    const isNewestFirst = (by ?? 'created_at') === 'created_at' && order !== 'asc';
    const found = await this.#matching(query, caller, isNewestFirst ? offset + limit : MOST_THREADS);
    const sorted = isNewestFirst ? found : sortedBy(found, by ?? 'created_at', order === 'asc');
    const threads: Partial<WireThread>[] = [];
    for (const thread of sorted.slice(offset, offset + limit)) {
      const needsValues = !select || select.length === 0 || select.includes('values');
      const shown = needsValues ? await this.#withValues(thread, caller, reply) : wireThread(thread, null);
      if (shown !== null) threads.push(selected(shown, select));
    }
    return threads;
  }

  async count(query: Filter, caller: Caller): Promise<number> {
    return (await this.#matching(query, caller, MOST_THREADS)).length;
  }

  /** @returns null: it was deleted meanwhile */
  async #withValues(thread: ThreadView, caller: Caller, reply: FastifyReply): Promise<WireThread | null> {
    try {
      return await this.states.withValues(thread, { threadId: thread.id, caller, reply });
    } catch (error) {
      if (error instanceof ThreadNotFound) return null;
      // one whose state was altered, or is of a newer version, must not end the search
      if (error instanceof ContentUnreadable && !lacksKey(error)) return wireThread(thread, null);
      throw error;
    }
  }

  /** @returns newest first, of the caller's own tenant */
  async #matching(filter: Filter, caller: Caller, most: number): Promise<ThreadView[]> {
    const found: ThreadView[] = [];
    let seen = 0;
    let cursor: string | undefined;
    do {
      const page = await this.listThreads.run({ caller, tenant: caller.tenant, limit: PAGE, cursor });
      found.push(...page.items.filter((thread) => matches(thread, filter)));
      seen += PAGE;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && found.length < most && seen < MOST_THREADS);
    return found;
  }
}

function matches(thread: ThreadView, { metadata, status, ids }: Filter): boolean {
  if (status && thread.status !== status) return false;
  if (ids && ids.length > 0 && !ids.includes(thread.id)) return false;
  return Object.entries(metadata ?? {}).every(([name, value]) => value === null || thread.metadata[name] === value);
}

type SortBy = NonNullable<z.output<typeof threadSearchSchema>['sort_by']>;

function sortedBy(threads: readonly ThreadView[], by: SortBy, isAscending: boolean): ThreadView[] {
  const key = ({ id, status, createdAt, updatedAt }: ThreadView) =>
    ({ thread_id: id, status, created_at: createdAt, updated_at: updatedAt, state_updated_at: updatedAt })[by];
  const sorted = threads.toSorted((one, other) => (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0));
  return isAscending ? sorted : sorted.reverse();
}
