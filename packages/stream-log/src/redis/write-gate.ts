/** How long commands are counted before the count decides, milliseconds. */
const WINDOW_MS = 50;

/** A command waits where at least so many are to be expected while it does: below, a shared write saves less than a wait costs. */
const WORTH_WAITING = 2;

/** Most commands of one write. With more of them Redis saves hardly anything, and the first ones wait while the sockets of the
 *  others are read. */
const MAX_GATHERED = 32;

export interface WriteGateOptions {
  /** how long a command waits for others, milliseconds; 0: none waits */
  readonly holdMs?: number;
  /** makes one write of all commands that `send` sends, at once */
  readonly together?: (send: () => void) => void;
}

/** Lets commands of many jobs share a write to Redis, whose kernel takes longer for each write than Redis for the command.
 *
 *  Opened by the clock, where the rate is worth it: where few commands come they go at once, where thousands come each second they
 *  wait for each other. One for a connection; no order is kept between the commands of different callers, and each caller has
 *  one at a time. */
export class WriteGate {
  readonly #holdMs: number;
  readonly #together: (send: () => void) => void;
  #waiting: (() => void)[] = [];
  #firstAt = 0;
  #timer: NodeJS.Timeout | undefined;
  /** since when commands are counted, ms of performance.now() */
  #countedSince = 0;
  /** those that did not follow on one of their own caller, which could never share a write with it */
  #counted = 0;
  #last: (() => void) | null = null;
  #isBusy = false;

  constructor({ holdMs = 0, together = (send) => send() }: WriteGateOptions = {}) {
    this.#holdMs = holdMs;
    this.#together = together;
  }

  /** Sends a command, now or with others.
   *  @param send the same function for all commands of a caller
   *  @param isUrgent it goes now, and takes with it what waits */
  pass(send: () => void, isUrgent = false): void {
    if (this.#holdMs === 0) {
      send();
      return;
    }
    const now = performance.now();
    this.#count(now, send);
    const goesNow = isUrgent || !this.#isBusy;
    if (this.#waiting.length === 0 && goesNow) {
      send();
      return;
    }
    this.#waiting.push(send);
    if (this.#waiting.length === 1) {
      this.#firstAt = now;
      this.#timer = setTimeout(this.#open, this.#holdMs);
    } else if (goesNow || this.#waiting.length >= MAX_GATHERED || now - this.#firstAt >= this.#holdMs) {
      // a long turn of the event loop keeps the timer from firing
      this.#open();
    }
  }

  #count(now: number, send: () => void): void {
    const ms = now - this.#countedSince;
    if (ms >= WINDOW_MS) {
      this.#isBusy = (this.#counted / ms) * this.#holdMs >= WORTH_WAITING;
      this.#countedSince = now;
      this.#counted = 0;
    }
    if (this.#last !== null && send !== this.#last) this.#counted += 1;
    this.#last = send;
  }

  readonly #open = (): void => {
    clearTimeout(this.#timer);
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#together(() => {
      for (const send of waiting) send();
    });
  };
}
