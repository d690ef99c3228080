import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mergedPage, type Order, type PlacedPage } from './merged-pages.ts';

/** The list of one shard, as its pages are read. */
function pageOf(places: readonly number[], order: Order, limit: number, cursor: string | null): PlacedPage<number> {
  const sorted = places.toSorted((one, other) => (order === 'ascending' ? one - other : other - one));
  const rest = sorted.filter((place) => {
    return cursor === null || (order === 'ascending' ? place > Number(cursor) : place < Number(cursor));
  });
  const entries = rest.slice(0, limit).map((place) => ({ item: place, place: String(place) }));
  return { entries, nextCursor: entries.length < limit ? null : (entries.at(-1)?.place ?? null) };
}

describe('pages of several shards', () => {
  it('have every entry once and in order, whatever the lists and the size of the pages', () => {
    const shard = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 25 });
    fc.assert(
      fc.property(
        fc.array(shard, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom<Order>('ascending', 'descending'),
        (lists, limit, order) => {
          const seen: number[] = [];
          let cursor: string | null = null;
          for (let pages = 0; pages < 200; pages += 1) {
            const page: PlacedPage<number> = mergedPage(
              lists.map((list) => pageOf(list, order, limit, cursor)),
              { order, limit },
            );
            seen.push(...page.entries.map(({ item }) => item));
            cursor = page.nextCursor;
            if (cursor === null) break;
          }
          const all = lists.flat().toSorted((one, other) => (order === 'ascending' ? one - other : other - one));
          expect(seen).toEqual(all);
        },
      ),
    );
  });

  it('are no longer than asked for, unless entries have the same place', () => {
    const page = (place: string, item: string) => ({ entries: [{ item, place }], nextCursor: place });
    const merged = mergedPage([page('5', 'a'), page('5', 'b')], { order: 'descending', limit: 1 });
    expect(merged).toEqual({
      entries: [
        { item: 'a', place: '5' },
        { item: 'b', place: '5' },
      ],
      nextCursor: '5',
    });
    const other = mergedPage([page('5', 'a'), page('4', 'b')], { order: 'descending', limit: 1 });
    expect(other).toEqual({ entries: [{ item: 'a', place: '5' }], nextCursor: '5' });
  });
});
