/** A counting semaphore that is fair to tenants: they get permits in turn, however many tasks each has waiting. */
export class FairSemaphore {
  /** waiting tasks by tenant; the first tenant is next */
  readonly #waiting = new Map<string, (() => void)[]>();
  #permits: number;

  /** @param permits how many tasks may run at a time */
  constructor(permits: number) {
    this.#permits = permits;
  }

  /** Runs a task once it has a permit.
   *  @returns what the task returns
   *  @throws what the task throws; its permit is free then, too */
  async withPermit<T>(tenant: string, task: () => Promise<T>): Promise<T> {
    if (this.#permits > 0) this.#permits -= 1;
    // a task that ends passes its permit on, so that no newcomer can overtake those that wait
    else await new Promise<void>((resolve) => this.#enqueue(tenant, resolve));
    try {
      return await task();
    } finally {
      const next = this.#dequeue();
      if (next === undefined) this.#permits += 1;
      else next();
    }
  }

  #enqueue(tenant: string, begin: () => void): void {
    const waiting = this.#waiting.get(tenant);
    if (waiting === undefined) this.#waiting.set(tenant, [begin]);
    else waiting.push(begin);
  }

  #dequeue(): (() => void) | undefined {
    for (const [tenant, waiting] of this.#waiting) {
      const begin = waiting.shift();
      this.#waiting.delete(tenant);
      // back in, behind all other tenants
      if (waiting.length > 0) this.#waiting.set(tenant, waiting);
      return begin;
    }
    return undefined;
  }
}
