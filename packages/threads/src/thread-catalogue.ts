import type { ThreadRef } from '@millrace/contracts';
import type { RedisConnection } from '@millrace/stream-log';
import { type RunScript, scriptsOf } from './redis/thread-scripts.ts';
import type { ThreadKeys } from './thread-keys.ts';
import type { ThreadRecord } from './thread-record.ts';
import type { Threads } from './threads.ts';

const SCRIPTS = { forget: [1] } as const;

/** A hint that is younger stays, microseconds: a job may just be entering the thread. */
const ENTERING_US = 60e6;

export interface ThreadPage {
  readonly threads: readonly ThreadRecord[];
  /** where each of them stands in the list, µs */
  readonly places: readonly string[];
  /** where the next page starts; null at the end. Any page may be short or empty */
  readonly nextCursor: string | null;
  /** a shard did not answer: its threads are left out */
  readonly isPartial?: boolean;
}

/** Which threads there are, and which may be busy. Its entries are hints: the record of a thread decides. */
export class ThreadCatalogue {
  readonly #run: RunScript<keyof typeof SCRIPTS>;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: ThreadKeys,
    readonly threads: Pick<Threads, 'get'>,
  ) {
    this.#run = scriptsOf(redis, 'catalogue', SCRIPTS);
  }

  /** Newest first, without private threads.
   *  @param tenant null for all tenants
   *  @param query cursor: of the page before */
  async list(tenant: string | null, query: { limit: number; cursor?: string | undefined }): Promise<ThreadPage> {
    const key = tenant === null ? this.keys.allThreads : this.keys.threadsOf(tenant);
    const from = query.cursor === undefined ? '+inf' : `(${query.cursor}`;
    const reply = await this.redis.zrange(key, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, query.limit, 'WITHSCORES');
    const entries = entriesOf(reply);
    const threads = await this.#read(entries);
    return pageOf(entries, threads, { limit: query.limit, isShown: ({ isPrivate }) => !isPrivate });
  }

  /** The threads that are busy, the one that has not been used for longest first: what a sweep goes through. Hints of others are
   *  removed.
   *  @param query cursor: of the page before */
  async busy(query: { limit: number; cursor?: string | undefined }): Promise<ThreadPage> {
    const from = query.cursor === undefined ? '-inf' : `(${query.cursor}`;
    const key = this.keys.busyThreads;
    const [reply, [seconds]] = await Promise.all([
      this.redis.zrange(key, from, '+inf', 'BYSCORE', 'LIMIT', 0, query.limit, 'WITHSCORES'),
      this.redis.time(),
    ]);
    const entries = entriesOf(reply);
    const youngest = Number(seconds) * 1e6 - ENTERING_US;
    const threads = await this.#read(entries);
    await Promise.all(
      entries.map(async ({ ref, score }, place) => {
        if (threads[place]?.status === 'busy' || Number(score) > youngest) return;
        await this.#run('forget', [key], [ref, score]);
      }),
    );
    return pageOf(entries, threads, { limit: query.limit, isShown: ({ status }) => status === 'busy' });
  }

  /** The threads of all tenants that have an id. */
  async holdersOf(threadId: string): Promise<ThreadRef[]> {
    // `0` comes right after `/`
    const members = await this.redis.zrange(this.keys.holders, `[${threadId}/`, `(${threadId}0`, 'BYLEX');
    return members.map((member): ThreadRef => `${member.slice(threadId.length + 1)}.${threadId}`);
  }

  #read(entries: readonly Entry[]): Promise<(ThreadRecord | null)[]> {
    return Promise.all(entries.map(({ ref }) => this.threads.get(ref)));
  }
}

interface Entry {
  readonly ref: ThreadRef;
  readonly score: string;
}

/** @param reply members and their scores, alternating */
function entriesOf(reply: readonly string[]): Entry[] {
  const refs = reply.filter((_, place) => place % 2 === 0) as ThreadRef[];
  return refs.map((ref, place) => ({ ref, score: reply[2 * place + 1] ?? '' }));
}

/** @param threads of the entries; null: there is none */
function pageOf(
  entries: readonly Entry[],
  threads: readonly (ThreadRecord | null)[],
  { limit, isShown }: { readonly limit: number; readonly isShown: (thread: ThreadRecord) => boolean },
): ThreadPage {
  const shown = entries.flatMap(({ score }, nth) => {
    const thread = threads[nth] ?? null;
    return thread !== null && isShown(thread) ? [{ thread, score }] : [];
  });
  return {
    threads: shown.map(({ thread }) => thread),
    places: shown.map(({ score }) => score),
    nextCursor: nextOf(entries, limit),
  };
}

function nextOf(entries: readonly Entry[], limit: number): string | null {
  return entries.length < limit ? null : (entries.at(-1)?.score ?? null);
}
