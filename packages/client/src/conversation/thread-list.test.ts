import { describe, expect, it } from '@jest/globals';
import type { Millrace } from '../millrace.ts';
import type { ThreadPage } from '../thread-view.ts';
import type { ThreadListStore } from './store.ts';
import { createThreadList } from './thread-list.ts';
import { ThreadNews } from './thread-news.ts';

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

describe('a list of threads beside the conversations of its client', () => {
  const thread = (id: string, title: string) => ({ id, metadata: { title } }) as unknown as ThreadPage['items'][number];
  const page = (nextCursor: string | null, ...items: ThreadPage['items']): ThreadPage => ({ items, nextCursor });

  /** A list that somebody shows. Each page that it asks for is there once it is given. */
  async function shown(first: ThreadPage) {
    const asked: ((page: ThreadPage) => void)[] = [];
    const list = () => new Promise<ThreadPage>((resolve) => void asked.push(resolve));
    const client = { threads: { list } } as unknown as Millrace;
    const store = createThreadList(client);
    const leave = store.subscribe(() => undefined);
    const give = async (given: ThreadPage) => {
      asked.shift()?.(given);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await give(first);
    const tell = () => ThreadNews.of(client).tell({}, { threadId: 'any' });
    return { store, asked, give, tell, leave };
  }

  const titles = (store: ThreadListStore) => store.getSnapshot().threads.map(({ metadata }) => metadata['title']);

  it('is read again when one of them has changed, and once for all changes while it is being read', async () => {
    const { store, asked, give, tell, leave } = await shown(page(null));
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
    leave();
  });

  it('keeps its later pages, and the one that is being read', async () => {
    const { store, give, tell, leave } = await shown(page('2', thread('c', 'C'), thread('b', 'B')));
    const more = store.loadMore();
    tell();
    await give(page('3', thread('a', 'A')));
    await more;
    expect(titles(store)).toEqual(['C', 'B', 'A']);
    await give(page('2', thread('d', 'D'), thread('c', 'C now')));
    expect(titles(store)).toEqual(['D', 'C now', 'B', 'A']);
    expect(store.getSnapshot().hasMore).toBe(true);
    leave();
  });

  it('has nothing of what was searched for before', async () => {
    const { store, give, tell, leave } = await shown(page(null, thread('b', 'B'), thread('a', 'A')));
    const found = store.search('b');
    tell();
    await give(page(null, thread('b', 'B')));
    await found;
    await give(page(null, thread('b', 'B')));
    expect(titles(store)).toEqual(['B']);
    leave();
  });
});
