import { InOrder } from './in-order.ts';

/** A title that was given here, until the thread has it: shown at once, and stored after those that were given before. */
export class GivenTitle {
  /** null: what the thread has is shown */
  now: string | null = null;
  private readonly queue = new InOrder();
  private pending = 0;

  /** @param give stores it, and says that the thread has it
   *  @throws what `give` throws; in any case the title is not shown over the thread's any longer, unless another one was given since */
  async store(title: string, give: () => Promise<void>): Promise<void> {
    this.pending += 1;
    try {
      await this.queue.run(give);
    } finally {
      this.pending -= 1;
      if (this.pending === 0 && this.now === title) this.now = null;
    }
  }

  /** Waits until none is being stored. */
  idle(): Promise<void> {
    return this.queue.idle();
  }
}
