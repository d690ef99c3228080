/** Most in one go: a script unpacks them onto Lua's stack. */
const MOST = 500;

/** Gathers what is asked for one by one while a turn's replies are gone through, and does it in one go. */
export class MicroBatcher<Item> {
  #items: Item[] = [];
  #done: Promise<void> | null = null;

  constructor(readonly act: (items: readonly Item[]) => Promise<void>) {}

  /** @returns when what was gathered with it is done
   *  @throws what `act` throws */
  add(item: Item): Promise<void> {
    this.#items.push(item);
    this.#done ??= new Promise((resolve, reject) => {
      // after all promises that the running callback has settled
      process.nextTick(() => this.#actNow().then(resolve, reject));
    });
    return this.#done;
  }

  async #actNow(): Promise<void> {
    const items = this.#items;
    this.#items = [];
    this.#done = null;
    const parts = Array.from({ length: Math.ceil(items.length / MOST) }, (_, nth) =>
      items.slice(nth * MOST, (nth + 1) * MOST),
    );
    await Promise.all(parts.map((part) => this.act(part)));
  }
}
