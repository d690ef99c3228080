import type { ThreadRef } from '@millrace/contracts';
import { byShard, type Facade, type Gathered, joinedPage, type Order } from '@millrace/stream-log';
import type { ThreadTopics } from '../follow/thread-topics.ts';
import type { ThreadTurns } from '../follow/thread-turns.ts';
import type { ThreadCatalogue, ThreadPage } from '../thread-catalogue.ts';
import type { ThreadShards } from '../thread-shards.ts';
import type { Threads } from '../threads.ts';

/** The threads of all shards.
 *  @param parts one for each shard, with the same cipher */
export function joinedThreads(parts: readonly Threads[], threadShards: ThreadShards): Threads {
  const { shards } = threadShards;
  const of = (ref: ThreadRef) => threadShards.of(ref);
  const partOf = async (ref: ThreadRef) => parts[await of(ref)] as Threads;
  const threads: Facade<Threads> = {
    ...byShard(parts, of, [
      ...(['create', 'get', 'enter', 'expect', 'leave', 'rewind', 'messages', 'messagePage'] as const),
      ...(['messagesBefore', 'announceErasure', 'erase', 'waiting'] as const),
    ]),
    newId: (tenant) => threadShards.newId(tenant),
    claim: async (lease, question, first) =>
      (parts[await threadShards.claim(lease.ref)] as Threads).claim(lease, question, first),
    claimPrivate: async (lease) => (parts[await threadShards.claim(lease.ref)] as Threads).claimPrivate(lease),
    fork: async (fork) => (await partOf(fork.to)).fork(fork, await partOf(fork.from)),
    account: async (sizes) => {
      await Promise.all(sizes.map(async (size) => (await partOf(size.ref)).account([size])));
    },
    purgeExpired: async (limit, forget) =>
      Math.max(...(await shards.everywhere(parts, (part) => part.purgeExpired(limit, forget)))),
  };
  return threads as Threads;
}

/** The threads of all shards in one order. Where a shard does not answer, its threads are left out, and the page says so. */
export function joinedThreadCatalogue(parts: readonly ThreadCatalogue[], { shards }: ThreadShards): ThreadCatalogue {
  const catalogue: Facade<ThreadCatalogue> = {
    list: async (tenant, query) =>
      threadPage(await shards.gather(parts, (part) => part.list(tenant, query)), 'descending', query.limit),
    busy: async (query) => threadPage(await shards.gather(parts, (part) => part.busy(query)), 'ascending', query.limit),
    holdersOf: (threadId) => shards.findIn(parts, (part) => part.holdersOf(threadId)),
  };
  return catalogue as ThreadCatalogue;
}

/** The followed threads of this process, whichever shards they are in. */
export function joinedThreadTopics(parts: readonly ThreadTopics[], threadShards: ThreadShards): ThreadTopics {
  const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);
  const of = (ref: ThreadRef) => threadShards.of(ref);
  const turns: Facade<ThreadTurns> = byShard(
    parts.map((part) => part.turns),
    of,
    ['head', 'turnOf', 'jobAt', 'after'],
  );
  return {
    ...byShard(parts, of, ['follow']),
    turns: turns as ThreadTurns,
    waitingFor: (ref: ThreadRef) => sum(parts.map((part) => part.waitingFor(ref))),
    close: () => {
      for (const part of parts) part.close();
    },
    get counts() {
      const counts = parts.map((part) => part.counts);
      return { watchers: sum(counts.map(({ watchers }) => watchers)), topics: sum(counts.map(({ topics }) => topics)) };
    },
  } satisfies Facade<ThreadTopics> & Partial<ThreadTopics> as unknown as ThreadTopics;
}

function threadPage(gathered: Gathered<ThreadPage>, order: Order, limit: number): ThreadPage {
  const { items: threads, ...page } = joinedPage(gathered, ({ threads: items }) => items, { order, limit });
  return { threads, ...page };
}
