import { MAX_TIMER_MS } from '../settings.ts';
import { DeadlineExceeded } from './attempt-errors.ts';

export interface DeadlineLimits {
  /** from the start to the first event, retries and their delays included, milliseconds */
  readonly firstTokenMs: number;
  /** between two events, milliseconds */
  readonly tokenGapMs: number;
  /** the whole attempt, milliseconds */
  readonly wholeMs: number;
}

/** The three clocks of an attempt. Only the model's own time counts as silence: while the worker waits for Redis, the
 *  silence clock stands still. */
export class Deadlines implements Disposable {
  readonly #whole: NodeJS.Timeout;
  #silence: NodeJS.Timeout;
  #listening = true;

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

  /** The model has said its first word: from now on the gaps count. */
  firstToken(): void {
    const { tokenGapMs } = this.limits;
    clearTimeout(this.#silence);
    this.#silence = this.#silenceTimer(tokenGapMs, `The model fell silent for ${tokenGapMs} ms.`);
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
