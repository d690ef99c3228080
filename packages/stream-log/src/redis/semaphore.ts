/** Bounds how many tasks run at a time; the others wait, first come, first served. */
export class Semaphore {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** @param permits how many tasks may run at a time */
  constructor(permits: number) {
    this.#free = permits;
  }

  /** @returns what the task returns
   *  @throws what the task throws, after its permit is released */
  async withPermit<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    // a permit is handed on directly: no newcomer overtakes those that wait
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
