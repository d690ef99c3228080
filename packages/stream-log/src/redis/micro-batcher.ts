/** Items of one batch: a script unpacks them onto Lua's stack. */
const MAX_ITEMS = 500;

/** Collects the items that one tick of the event loop adds, and handles them in one go. */
export class MicroBatcher<Item> {
  #items: Item[] = [];
  #done: Promise<void> | null = null;

  constructor(readonly handle: (items: readonly Item[]) => Promise<void>) {}

  /** @returns when the batch with this item is done
   *  @throws what `handle` throws */
  add(item: Item): Promise<void> {
    this.#items.push(item);
    this.#done ??= new Promise((resolve, reject) => {
      // after all promises that the running callback has settled
      process.nextTick(() => this.#flush().then(resolve, reject));
    });
    return this.#done;
  }

  async #flush(): Promise<void> {
    const items = this.#items;
    this.#items = [];
    this.#done = null;
    const batches = Array.from({ length: Math.ceil(items.length / MAX_ITEMS) }, (_, nth) =>
      items.slice(nth * MAX_ITEMS, (nth + 1) * MAX_ITEMS),
    );
    await Promise.all(batches.map((batch) => this.handle(batch)));
  }
}
