/** Asks for room.
 *  @param open streams that there are  @param wanted how many more are asked for
 *  @returns how many may be open now */
export type AskForShare = (open: number, wanted: number) => Promise<number>;

/** The streams of one tenant on this node. Within the node's share they open at once; beyond it they wait for the answer of
 *  one question, which is put for all that wait. */
export class TenantStreams {
  #open = 0;
  #share = 0;
  #isAsking = false;
  /** the share or what is said of it may be out of date */
  #isStale = false;
  #waiting: ((isGranted: boolean) => void)[] = [];

  constructor(readonly ask: AskForShare) {}

  get open(): number {
    return this.#open;
  }

  /** Nothing is open and nobody waits, so that this may be forgotten. */
  get isIdle(): boolean {
    return this.#open === 0 && !this.#isAsking && !this.#isStale;
  }

  /** @param max the limit on all nodes, which may have been lowered since the share was granted; null: none
   *  @returns false: the tenant has as many streams as it may */
  async tryOpen(max: number | null): Promise<boolean> {
    if (max === null) {
      // nothing to ask for: the others are told soon
      this.#open += 1;
      this.#isStale = true;
      return true;
    }
    // while a question is out, the old share no longer holds
    if (!this.#isAsking && this.#open < Math.min(this.#share, max)) {
      this.#open += 1;
      this.#isStale = true;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push(resolve);
    if (!this.#isAsking) void this.#askForAll();
    return promise;
  }

  close(): void {
    this.#open -= 1;
    this.#isStale = true;
  }

  /** Tells what is open, unless that was told already. */
  async tell(): Promise<void> {
    if (this.#isStale && !this.#isAsking) await this.#askForAll();
  }

  /** Has the next {@link tell} repeat what is open. */
  repeat(): void {
    this.#isStale = true;
  }

  async #askForAll(): Promise<void> {
    this.#isAsking = true;
    do {
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#isStale = false;
      this.#share = await this.ask(this.#open, waiting.length);
      for (const decide of waiting) {
        const isGranted = this.#open < this.#share;
        if (isGranted) this.#open += 1;
        decide(isGranted);
      }
    } while (this.#waiting.length > 0);
    this.#isAsking = false;
  }
}
