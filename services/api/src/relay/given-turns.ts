import type { NextTurn, Turn } from '@millrace/threads';

/** Turns that are remembered: more than a fail-over loses. */
const MAX_TURNS = 16;

/** The turns that a reader of a thread was given last. A number can come twice: when Redis lost the turn that had it in a
 *  fail-over. The job of the second one must not be missed. */
export class GivenTurns {
  /** oldest first */
  readonly #turns: Turn[] = [];

  add(turn: Turn): void {
    this.#turns.push(turn);
    if (this.#turns.length > MAX_TURNS) this.#turns.shift();
  }

  takeBack(): void {
    this.#turns.pop();
  }

  /** Whether the thread has lost turns that were given.
   *  @param turn after which the thread was asked for the next */
  contradict(turn: number, { jobId, lastTurn }: NextTurn): boolean {
    const last = this.#turns.at(-1);
    return lastTurn < turn || (last?.turn === turn && jobId !== null && jobId !== last.jobId);
  }

  /** Finds the last turn that the thread still has, and forgets those after it.
   *  @param highest that it may be
   *  @param turnOf what number a job has in the thread */
  async lastOf(highest: number, turnOf: (jobId: string) => Promise<number | null>): Promise<number> {
    for (let last = this.#turns.pop(); last !== undefined; last = this.#turns.pop()) {
      if (last.turn > highest || (await turnOf(last.jobId)) !== last.turn) continue;
      this.#turns.push(last);
      return last.turn;
    }
    return highest;
  }
}
