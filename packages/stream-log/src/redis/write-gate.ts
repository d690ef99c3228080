/** With fewer commands in flight than this, the connection is quiet and nothing waits. As many are in flight as come in the time
 *  that Redis takes to answer one. */
const QUIET = 4;

/** Most commands of one write. With more of them Redis saves hardly anything, and the first ones wait while the sockets of the
 *  others are read. */
const MAX_GATHERED = 32;

/** Longest that a command waits for others, milliseconds, unless told otherwise. */
const HOLD_MS = 2;

/** Sends a command.
 *  @returns its reply; null: there was nothing to send any more */
type Send = () => Promise<unknown> | null;

export interface WriteGateOptions {
  /** longest that a command waits for others, milliseconds; 0: none waits */
  readonly holdMs?: number;
  /** makes one write of all commands that `send` sends, at once */
  readonly together?: (send: () => void) => void;
}

/** Lets commands of many jobs share a write to Redis, whose kernel takes longer for each write than Redis for the command.
 *
 *  Clocked by Redis's own answers: while the connection is quiet a command goes at once; otherwise it waits until what is in
 *  flight is answered, which on a busy Redis it would do anyway, and goes with all that have come meanwhile. So a write carries
 *  the more, the less Redis keeps up. One for a process; no order is kept between the commands of different callers, and each
 *  caller has one at a time. */
export class WriteGate {
  readonly #holdMs: number;
  readonly #together: (send: () => void) => void;
  #waiting: Send[] = [];
  #firstAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #inFlight = 0;
  #opening = false;

  constructor({ holdMs = HOLD_MS, together = (send) => send() }: WriteGateOptions = {}) {
    this.#holdMs = holdMs;
    this.#together = together;
  }

  /** Sends a command, now or with others.
   *  @param isUrgent it goes now, and takes with it what waits */
  pass(send: Send, isUrgent = false): void {
    const goesNow = isUrgent || this.#inFlight < QUIET || this.#holdMs === 0;
    if (this.#waiting.length === 0 && goesNow) {
      this.#send(send);
      return;
    }
    this.#waiting.push(send);
    if (this.#waiting.length === 1) {
      this.#firstAt = performance.now();
      this.#timer = setTimeout(this.#open, this.#holdMs);
    } else if (isUrgent || this.#waiting.length >= MAX_GATHERED || performance.now() - this.#firstAt >= this.#holdMs) {
      // a long turn of the event loop keeps the timer from firing
      this.#open();
    }
  }

  readonly #open = (): void => {
    clearTimeout(this.#timer);
    this.#opening = false;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#together(() => {
      for (const send of waiting) this.#send(send);
    });
  };

  #send(send: Send): void {
    const reply = send();
    if (reply === null) return;
    this.#inFlight += 1;
    reply.then(this.#answered, this.#answered);
  }

  readonly #answered = (): void => {
    this.#inFlight -= 1;
    if (this.#opening || this.#waiting.length === 0 || this.#inFlight >= QUIET) return;
    this.#opening = true;
    // one read brings many answers: what their callers send next goes along
    process.nextTick(this.#open);
  };
}
