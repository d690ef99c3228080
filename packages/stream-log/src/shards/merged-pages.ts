import type { Gathered } from './shards.ts';

export type Order = 'ascending' | 'descending';

/** A page as the lists of one Redis give it. */
interface ListPage {
  /** where each item stands, µs */
  readonly places: readonly string[];
  readonly nextCursor: string | null;
}

/** Makes one page of those of several shards; see {@link mergedPage}.
 *  @param itemsOf the items of a page, in the order of its places
 *  @returns `isPartial` only where a shard did not answer */
export function joinedPage<Page extends ListPage, Item>(
  { results, isPartial }: Gathered<Page>,
  itemsOf: (page: Page) => readonly Item[],
  options: { readonly order: Order; readonly limit: number },
): ListPage & { readonly items: readonly Item[]; readonly isPartial?: true } {
  const pages = results.map((page) => ({
    entries: itemsOf(page).map((item, nth) => ({ item, place: page.places[nth] ?? '' })),
    nextCursor: page.nextCursor,
  }));
  const { entries, nextCursor } = mergedPage(pages, options);
  return {
    items: entries.map(({ item }) => item),
    places: entries.map(({ place }) => place),
    nextCursor,
    ...(isPartial ? { isPartial } : {}),
  };
}

/** A page of the list of one shard: its entries, each with its place in the order of all lists, µs. */
export interface PlacedPage<T> {
  readonly entries: readonly { readonly item: T; readonly place: string }[];
  /** where the next page starts; null at the end */
  readonly nextCursor: string | null;
}

/** Makes one page of those of several shards, which may be short: beyond the place where the first of them stops, not all is known.
 *  @param order of the places
 *  @param limit of entries; more only where they have the same place, which a cursor could not divide */
export function mergedPage<T>(
  pages: readonly PlacedPage<T>[],
  { order, limit }: { readonly order: Order; readonly limit: number },
): PlacedPage<T> {
  const sign = order === 'ascending' ? 1 : -1;
  const rank = (place: string) => sign * Number(place);
  const stops = pages.flatMap(({ nextCursor }) => nextCursor ?? []).sort((one, other) => rank(one) - rank(other));
  const [stop = null] = stops;
  const known = pages
    .flatMap(({ entries }) => entries)
    .filter(({ place }) => stop === null || rank(place) <= rank(stop))
    .sort((one, other) => rank(one.place) - rank(other.place));
  if (known.length <= limit) return { entries: known, nextCursor: stop };
  const end = endOfPage(known, limit);
  const last = known[end - 1]?.place ?? null;
  return { entries: known.slice(0, end), nextCursor: end < known.length ? last : stop };
}

/** @returns how many entries go onto the page, at least one: those of one place stay together */
function endOfPage(known: readonly { readonly place: string }[], limit: number): number {
  const isBorder = (at: number) => known[at]?.place !== known[at - 1]?.place;
  for (let end = limit; end > 0; end -= 1) if (isBorder(end)) return end;
  let end = limit;
  while (end < known.length && !isBorder(end)) end += 1;
  return end;
}
