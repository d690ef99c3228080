import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { AccessDenied, ConnectionLost, NotFound } from '../errors.ts';
import type { Millrace } from '../millrace.ts';
import type { Thread } from '../thread.ts';
import type { ThreadPage } from '../thread-view.ts';
import type { ThreadListStore } from './store.ts';
import { createThreadList } from './thread-list.ts';
import { type ThreadChange, ThreadNews } from './thread-news.ts';

/** A list whose pages come in this order. */
function listOf(pages: readonly ThreadPage[]) {
  const left = [...pages];
  return createThreadList({ threads: { list: async () => left.shift() } } as unknown as Millrace);
}

describe('a list of threads', () => {
  const lacking: ThreadPage = { items: [], nextCursor: null, incomplete: true };
  const thread = { id: 't' } as ThreadPage['items'][number];
  const whole: ThreadPage = { items: [], nextCursor: null };

  it('says that threads are missing, until all of it was read whole', async () => {
    const list = listOf([whole, lacking, whole]);
    const said: boolean[] = [];
    for (let read = 0; read < 3; read += 1) {
      await list.refresh();
      said.push(list.getSnapshot().isIncomplete);
    }
    expect(said).toEqual([false, true, false]);
  });

  it('says so with its later pages, too: what the first one lacks, none of them has', async () => {
    const list = listOf([{ ...lacking, items: [thread], nextCursor: 'next' }, whole]);
    await list.refresh();
    await list.loadMore();
    expect(list.getSnapshot()).toMatchObject({ isIncomplete: true, hasMore: false });
  });

  it('says so of a page without threads, which it has passed over', async () => {
    const list = listOf([{ ...lacking, nextCursor: 'next' }, whole]);
    await list.refresh();
    expect(list.getSnapshot()).toMatchObject({ isIncomplete: true, hasMore: false });
  });
});

const thread = (id: string, title = id, status = 'idle') =>
  ({ id, metadata: { title }, status }) as unknown as ThreadPage['items'][number];
const page = (nextCursor: string | null, ...items: ThreadPage['items']): ThreadPage => ({ items, nextCursor });
const titles = (store: ThreadListStore) => store.getSnapshot().threads.map(({ metadata }) => metadata['title']);
const settled = () => new Promise((resolve) => setImmediate(resolve));

let leaves: (() => void)[] = [];
afterEach(() => {
  jest.useRealTimers();
  for (const leave of leaves) leave();
  leaves = [];
});

/** A list that somebody shows. Each page that it asks for is there once it is given. */
async function shown(first: ThreadPage) {
  const asked: { readonly give: (page: ThreadPage) => void; readonly fail: (error: Error) => void }[] = [];
  const list = () => new Promise<ThreadPage>((give, fail) => void asked.push({ give, fail }));
  const client = {
    threads: {
      list,
      create: async () => undefined,
      resume: () => ({ get: async () => ({}), erase: async () => undefined }),
    },
  } as unknown as Millrace;
  const store = createThreadList(client);
  const leave = store.subscribe(() => undefined);
  leaves.push(leave);
  const give = async (given: ThreadPage) => {
    asked.shift()?.give(given);
    await settled();
  };
  const fail = async (error: Error) => {
    asked.shift()?.fail(error);
    await settled();
  };
  await give(first);
  const tell = (change: ThreadChange = { threadId: 'any' }) => ThreadNews.of(client).tell({}, change);
  return { store, client, asked, give, fail, tell, leave };
}

describe('a list of threads beside the conversations of its client', () => {
  it('is read again when one of them has changed, and once for all changes while it is being read', async () => {
    const { store, asked, give, tell } = await shown(page(null));
    tell();
    tell();
    tell();
    expect(asked).toHaveLength(1);
    await give(page(null, thread('a', 'old')));
    expect(titles(store)).toEqual(['old']);
    expect(asked).toHaveLength(1);
    await give(page(null, thread('a', 'new')));
    expect(titles(store)).toEqual(['new']);
    expect(asked).toHaveLength(0);
  });

  it('keeps its later pages, and the one that is being read', async () => {
    const { store, give, tell } = await shown(page('2', thread('c', 'C'), thread('b', 'B')));
    const more = store.loadMore();
    tell();
    await give(page('3', thread('a', 'A')));
    await more;
    expect(titles(store)).toEqual(['C', 'B', 'A']);
    await give(page('2', thread('d', 'D'), thread('c', 'C now')));
    expect(titles(store)).toEqual(['D', 'C now', 'B', 'A']);
    expect(store.getSnapshot().hasMore).toBe(true);
  });

  it('has nothing of what was searched for before', async () => {
    const { store, give, tell } = await shown(page(null, thread('b', 'B'), thread('a', 'A')));
    const found = store.search('b');
    tell();
    await give(page(null, thread('b', 'B')));
    await found;
    await give(page(null, thread('b', 'B')));
    expect(titles(store)).toEqual(['B']);
  });
});

describe('a list of threads that is being read', () => {
  it('is renewed after a later page that came in between', async () => {
    const { store, asked, give, tell } = await shown(page('2', thread('b', 'Untitled')));
    tell();
    const more = store.loadMore();
    asked.shift(); // the renewal was given up
    await give(page(null, thread('a', 'A')));
    await more;
    await give(page('2', thread('b', 'B')));
    expect(titles(store)).toEqual(['B', 'A']);
  });

  it('adds nothing that is searched for to what was found before', async () => {
    const { store, asked, give, fail } = await shown(page('2', thread('b'), thread('a')));
    const found = store.search('c');
    await store.loadMore();
    expect(asked).toHaveLength(1);
    await fail(new ConnectionLost('lost'));
    await found;
    await store.loadMore();
    expect(asked).toHaveLength(0);
    const again = store.search('c');
    await give(page(null, thread('c')));
    await again;
    expect(titles(store)).toEqual(['c']);
  });

  it('does not take back a title or an erasure with an older answer', async () => {
    const { store, give } = await shown(page(null, thread('b'), thread('a')));
    const refreshed = store.refresh();
    await store.rename('a', 'New');
    await store.erase('b');
    await give(page(null, thread('b'), thread('a')));
    await refreshed;
    expect(titles(store)).toEqual(['New']);
    const next = store.refresh();
    await give(page(null, thread('a', 'Of another device')));
    await next;
    expect(titles(store)).toEqual(['Of another device']);
  });

  it('says so when the answer is no list, and can be read again', async () => {
    const { store, give } = await shown(page(null, thread('a')));
    const refreshed = store.refresh();
    await give({} as ThreadPage);
    await refreshed;
    expect(store.getSnapshot()).toMatchObject({ state: 'ready', problem: { code: 'BAD_ANSWER' } });
    const again = store.refresh();
    await give(page(null, thread('b')));
    await again;
    expect(titles(store)).toEqual(['b']);
    expect(store.getSnapshot().problem).toBeNull();
  });

  it('keeps what a person was told while it is renewed', async () => {
    const { store, give, tell, client } = await shown(page(null, thread('a')));
    client.threads.create = () => Promise.reject(new ConnectionLost('lost'));
    expect(await store.rename('a', 'New')).toBe(false);
    tell();
    await give(page(null, thread('a')));
    expect(store.getSnapshot().problem).toMatchObject({ code: 'UNREACHABLE' });
  });
});

describe('a list of threads that nobody tells of what happens', () => {
  const QUIET_MS = 9_999;

  /** Goes on to a later moment. */
  async function pass(delayMs: number): Promise<void> {
    await jest.advanceTimersByTimeAsync(delayMs);
  }

  it('is read again where it could not be read and may be later, as long as somebody shows it', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    const { store, asked, fail, give, leave } = await shown(page(null, thread('a')));
    void store.refresh();
    for (const boundMs of [1000, 2000, 4000]) {
      await fail(new ConnectionLost('lost'));
      expect(store.getSnapshot()).toMatchObject({ state: 'ready', problem: { code: 'UNREACHABLE' } });
      expect(asked).toHaveLength(0);
      await pass(boundMs);
      expect(asked).toHaveLength(1);
    }
    await give(page(null, thread('b')));
    expect([titles(store), store.getSnapshot().problem]).toEqual([['b'], null]);
    void store.refresh();
    await fail(new ConnectionLost('lost'));
    leave();
    // it is still followed for a second
    await pass(1000);
    asked.splice(0);
    await pass(60_000);
    expect(asked).toHaveLength(0);
  });

  it('is not read again where that is of no use', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    const { store, asked, fail } = await shown(page(null));
    void store.refresh();
    await fail(new AccessDenied('FORBIDDEN', 'no'));
    await pass(60_000);
    expect(asked).toHaveLength(0);
    expect(store.getSnapshot().problem).toMatchObject({ code: 'FORBIDDEN' });
  });

  it.each([
    ['says that somebody is being answered', page(null, thread('a', 'a', 'busy'))],
    ['lacks threads', { ...page(null), incomplete: true } as const],
  ])('is read again after ten seconds, and ever more seldom, while it %s', async (_, first) => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    const { asked, give } = await shown(first);
    for (const [answer, quietMs] of [
      [first, QUIET_MS],
      [page(null, thread('a')), 2 * QUIET_MS + 1],
    ] as const) {
      await pass(quietMs);
      expect(asked).toHaveLength(0);
      await pass(1);
      expect(asked).toHaveLength(1);
      await give(answer);
    }
    await pass(60_000);
    expect(asked).toHaveLength(0);
  });
});

describe('the later pages of a list of threads', () => {
  const first = page('2', thread('d'), thread('c'));

  /** A list of two pages, and what the server says of single threads. */
  async function ofTwoPages(...later: ThreadPage['items']) {
    const list = await shown(first);
    const looks: string[] = [];
    const views = new Map(later.map((view) => [view.id, view]));
    list.client.threads.resume = (id) => {
      const get = async () => {
        looks.push(id as string);
        const view = views.get(id as string);
        if (view === undefined) throw new NotFound('THREAD_NOT_FOUND', 'it was erased');
        return view;
      };
      return { get } as unknown as Thread;
    };
    const more = list.store.loadMore();
    await list.give(page('3', ...later));
    await more;
    return { ...list, looks, views };
  }

  it('show what becomes of their threads: a title, an answer, an end', async () => {
    const { store, give, tell, looks, views } = await ofTwoPages(thread('b'), thread('a'));
    views.set('b', thread('b', 'B', 'busy'));
    views.delete('a');
    tell({ threadId: 'b', title: 'Named' });
    expect(titles(store)).toEqual(['d', 'c', 'Named', 'a']);
    tell({ threadId: 'a' });
    await give(first);
    expect(looks).toEqual(['b', 'a']);
    expect(titles(store)).toEqual(['d', 'c', 'B']);
    expect(store.getSnapshot().threads.at(-1)).toMatchObject({ status: 'busy' });
    tell({ threadId: 'b', isGone: true });
    expect(titles(store)).toEqual(['d', 'c']);
  });

  it('show that an answer has ended, and ask for a few threads at a time', async () => {
    const busy = Array.from({ length: 9 }, (_, nth) => thread(`busy${nth}`, 'x', 'busy'));
    const { store, give, tell, looks, views } = await ofTwoPages(...busy);
    views.set('busy0', thread('busy0'));
    tell({ threadId: 'busy8' });
    await give(first);
    expect(looks).toEqual(['busy8', 'busy0', 'busy1', 'busy2', 'busy3']);
    expect(store.getSnapshot().threads.find(({ id }) => id === 'busy0')).toMatchObject({ status: 'idle' });
  });

  it('keep a thread that cannot be looked at now, and look at it the next time', async () => {
    const { store, client, give, tell, looks } = await ofTwoPages(thread('b'));
    const { resume } = client.threads;
    client.threads.resume = () => ({ get: () => Promise.reject(new ConnectionLost('lost')) }) as unknown as Thread;
    tell({ threadId: 'b' });
    await give(first);
    expect(titles(store)).toEqual(['d', 'c', 'b']);
    expect(store.getSnapshot().problem).toBeNull();
    client.threads.resume = resume;
    tell();
    await give(first);
    expect(looks).toEqual(['b']);
  });

  it('are left out once all that there is fits into the first', async () => {
    const { store, give, tell } = await ofTwoPages(thread('b'));
    tell();
    await give(page(null, thread('d'), thread('c')));
    expect(titles(store)).toEqual(['d', 'c']);
    expect(store.getSnapshot().hasMore).toBe(false);
  });

  it('are left out when threads that were missing are there again, and kept until then', async () => {
    const { store, give, tell } = await ofTwoPages(thread('b'));
    for (const isIncomplete of [true, true, false]) {
      tell();
      await give(isIncomplete ? { ...first, incomplete: true } : first);
      expect(store.getSnapshot().isIncomplete).toBe(isIncomplete);
      expect(titles(store)).toEqual(isIncomplete ? ['d', 'c', 'b'] : ['d', 'c']);
    }
    expect(store.getSnapshot().hasMore).toBe(true);
  });
});
