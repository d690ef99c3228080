import type { PacedAnswer } from './paced-answer.ts';
import { monotonicMicros } from './token.ts';

/** How often to write the tokens that are due, milliseconds. */
const TICK_MS = 1;

/** Writes all paced answers with one timer, which stops while there are none. */
export class Pacer implements Disposable {
  readonly #answers = new Set<PacedAnswer>();
  #timer: NodeJS.Timeout | undefined;

  add(answer: PacedAnswer): void {
    this.#answers.add(answer);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  /** Drops an answer whose connection is lost. */
  remove(answer: PacedAnswer): void {
    this.#answers.delete(answer);
    if (this.#answers.size === 0) this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = monotonicMicros();
    for (const answer of this.#answers) {
      // a full connection buffers what it is given: a paced answer is short
      answer.speak(now);
      if (answer.ended) this.remove(answer);
    }
  }
}
