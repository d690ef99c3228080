import type { PacedAnswer } from './paced-answer.ts';
import { monotonicMicros } from './token.ts';

/** How often what is due is looked for, milliseconds. */
const TICK_MS = 1;

/** Speaks all answers that have a pace: one timer for all of them, which rests while there are none. */
export class Pacer implements Disposable {
  readonly #answers = new Set<PacedAnswer>();
  #timer: NodeJS.Timeout | undefined;

  add(answer: PacedAnswer): void {
    this.#answers.add(answer);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  /** Its connection is lost: nobody hears the rest. */
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
      // a connection that is full keeps what it is given: an answer with a pace is short
      answer.speak(now);
      if (answer.ended) this.remove(answer);
    }
  }
}
