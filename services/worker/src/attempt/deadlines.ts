import { MAX_TIMER_MS } from '../settings.ts';
import { DeadlineExceeded } from './attempt-errors.ts';

export interface DeadlineLimits {
  /** until the model says something, retries and their delays included, milliseconds; any sign of life starts it anew */
  readonly firstTokenMs: number;
  /** between two signs of life once it has said something, milliseconds */
  readonly tokenGapMs: number;
  /** the whole attempt, milliseconds */
  readonly wholeMs: number;
}

/** The three clocks of an attempt. Only the model's own time counts as silence: while the worker waits for Redis, the
 *  silence clock stands still. Whatever a model's server sends is a sign of life, also a comment, or a part of a tool call
 *  of which nothing can be published yet. */
export class Deadlines implements Disposable {
  readonly #whole: NodeJS.Timeout;
  #heardAt = performance.now();
  #silence: NodeJS.Timeout;
  #listening = true;
  #isTalking = false;

  /** @param expire called once per clock that runs out */
  constructor(
    readonly limits: DeadlineLimits,
    readonly expire: (reason: DeadlineExceeded) => void,
  ) {
    const { firstTokenMs, wholeMs } = limits;
    this.#whole = setTimeout(
      () => expire(new DeadlineExceeded('TIMEOUT', `The answer took longer than ${wholeMs} ms.`)),
      // the request's own figure, as an API with other settings may have let it in
      Math.min(wholeMs, MAX_TIMER_MS),
    );
    this.#silence = this.#silenceTimer(firstTokenMs, `The model said nothing within ${firstTokenMs} ms.`);
  }

  /** The model has given a sign of life.
   *  @param said whether it has said something by now: from then on the gaps count. One that thinks in silence may send an
   *    empty frame first and nothing for minutes */
  heard(said: boolean): void {
    const { firstTokenMs, tokenGapMs } = this.limits;
    this.#heardAt = performance.now();
    if (this.#isTalking) {
      this.#silence.refresh();
      return;
    }
    if (!said) {
      // not refreshed: a call that was made again has a shorter clock
      this.#startFirst(firstTokenMs);
      return;
    }
    this.#isTalking = true;
    clearTimeout(this.#silence);
    this.#silence = this.#silenceTimer(tokenGapMs, `The model fell silent for ${tokenGapMs} ms.`);
  }

  /** The call has failed before its first word and is made again: what is left of the first clock counts, from the last
   *  sign of life on. */
  again(): void {
    this.#isTalking = false;
    this.#startFirst(Math.max(0, this.limits.firstTokenMs - (performance.now() - this.#heardAt)));
  }

  /** @param leftMs what is left of the first clock, milliseconds */
  #startFirst(leftMs: number): void {
    clearTimeout(this.#silence);
    this.#silence = this.#silenceTimer(leftMs, `The model said nothing within ${this.limits.firstTokenMs} ms.`);
  }

  /** The worker waits for the model again. */
  listen(): void {
    this.#listening = true;
    this.#silence.refresh();
  }

  /** The worker is busy with what the model said. */
  hold(): void {
    this.#listening = false;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#whole);
    clearTimeout(this.#silence);
  }

  #silenceTimer(ms: number, message: string): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#listening) this.expire(new DeadlineExceeded('MODEL_TIMEOUT', message));
    }, ms);
  }
}
