import { setImmediate as nextTurn } from 'node:timers/promises';

/** Turns of the event loop in which nothing may arrive. One is enough for promises; the second is for a stream in between that
 *  hands on in a turn of its own. */
const QUIET_TURNS = 2;

/** A pipeline that its attempt has abandoned goes on, and wants to store what nobody reads. */
class AttemptEnded extends Error {
  override readonly name = 'AttemptEnded';
  constructor() {
    super('the attempt has ended');
  }
}

/** How the events of a pipeline come to its attempt, which takes one at a time. Two assignments per event: every token takes
 *  this path. */
export class Progress {
  #taken = 0;
  #isWaiting = false;
  #hasEnded = false;
  #waits: PromiseWithResolvers<void> | null = null;

  /** The attempt asks for the next event. */
  waiting(): void {
    this.#isWaiting = true;
    if (this.#waits !== null) {
      this.#waits.resolve();
      this.#waits = null;
    }
  }

  /** It has got one, or the result. */
  taken(): void {
    this.#isWaiting = false;
    this.#taken += 1;
  }

  /** Resolves when the attempt has taken all that its pipeline has produced, provided that it produces nothing meanwhile: then
   *  all that is on its way moves by promises alone, which end before the next turn of the event loop.
   *  @throws the signal's reason; AttemptEnded */
  async settled(signal: AbortSignal): Promise<void> {
    for (let quiet = 0, taken = -1; quiet < QUIET_TURNS; quiet = this.#isQuietSince(taken) ? quiet + 1 : 0) {
      // the attempt may wait for Redis for minutes
      while (!this.#isWaiting) {
        signal.throwIfAborted();
        if (this.#hasEnded) throw new AttemptEnded();
        this.#waits ??= Promise.withResolvers();
        await this.#waits.promise;
      }
      taken = this.#taken;
      await nextTurn();
      signal.throwIfAborted();
    }
  }

  /** Wakes whoever waits for {@link settled}: the attempt has ended and takes no more. */
  end(): void {
    this.#hasEnded = true;
    this.#isWaiting = false;
    this.#waits?.resolve();
    this.#waits = null;
  }

  #isQuietSince(taken: number): boolean {
    return this.#isWaiting && this.#taken === taken;
  }
}
