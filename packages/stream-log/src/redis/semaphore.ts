/** Lets a bounded number of tasks run at a time; the others wait for their turn, first come, first served. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** @param atOnce how many may run at a time */
  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** @returns what the task returns
   *  @throws what the task throws; its turn is then over, too */
  async take<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    // whoever ends hands its turn on: nobody who comes meanwhile gets in before
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
