/** Does one thing after the other, in the order in which they were asked for. */
export class InOrder {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.last.then(work);
    // what went wrong with one does not hold up the next
    this.last = done.catch(() => undefined);
    return done;
  }

  /** Waits until everything that has been asked for so far is done. */
  async idle(): Promise<void> {
    await this.last;
  }
}
