import { InOrder } from './in-order.ts';

/** A title that was given here, until the thread is known to have it: shown at once, and stored after those that were given before. */
export class GivenTitle {
  /** null: what the thread has is shown */
  now: string | null = null;
  private readonly queue = new InOrder();
  private pending = 0;

  /** @param give stores it
   *  @throws what `give` throws: the title is not shown any longer then, unless another one was given since */
  async store(give: () => Promise<void>): Promise<void> {
    this.pending += 1;
    try {
      await this.queue.run(give);
    } catch (error) {
      if (this.pending === 1) this.now = null;
      throw error;
    } finally {
      this.pending -= 1;
    }
  }

  /** @param stored what the thread has, as far as is known
   *  @returns what is shown over it; null: nothing */
  over(stored: string | undefined): string | null {
    if (this.pending === 0 && stored === this.now) this.now = null;
    return this.now;
  }

  /** Waits until none is being stored. */
  idle(): Promise<void> {
    return this.queue.idle();
  }
}
