import { describe, expect, it } from '@jest/globals';
import type { Millrace } from '../millrace.ts';
import type { ThreadPage } from '../thread-view.ts';
import { createThreadList } from './thread-list.ts';

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
