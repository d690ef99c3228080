/** Lets a bounded number of tasks run at a time. Tenants take turns: one that asks for a thousand keeps no other waiting
 *  for more than those that run. */
export class FairTurns {
  /** who waits, by tenant; the first of the tenants is next */
  readonly #waiting = new Map<string, (() => void)[]>();
  #free: number;

  /** @param atOnce how many may run at a time */
  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** @returns what the task returns
   *  @throws what the task throws; its turn is then over, too */
  async take<T>(tenant: string, task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    // whoever ends hands its turn on: nobody who comes meanwhile gets in before
    else await new Promise<void>((resolve) => this.#wait(tenant, resolve));
    try {
      return await task();
    } finally {
      const next = this.#next();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #wait(tenant: string, begin: () => void): void {
    const line = this.#waiting.get(tenant);
    if (line === undefined) this.#waiting.set(tenant, [begin]);
    else line.push(begin);
  }

  #next(): (() => void) | undefined {
    for (const [tenant, line] of this.#waiting) {
      const begin = line.shift();
      this.#waiting.delete(tenant);
      // behind all others
      if (line.length > 0) this.#waiting.set(tenant, line);
      return begin;
    }
    return undefined;
  }
}
