import type { TaskWrites } from './checkpoint-table.ts';

/** What the tasks of a step have written, until it is stored with the checkpoint at the step's end. Nobody needs it before: a
 *  new attempt runs the step again. A step that breaks off, because a task fails or asks, has no such checkpoint: what its tasks
 *  write is stored at once. */
export class HeldWrites {
  #held: Promise<TaskWrites>[] = [];
  /** id of the checkpoint where the step began that breaks off */
  #brokenOffAt: string | null = null;

  get canWait(): boolean {
    return this.#brokenOffAt === null;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** @param written rejects if it cannot be serialized */
  add(written: Promise<TaskWrites>): void {
    this.#held.push(written);
  }

  /** @returns all that is held, in order, for the caller to store */
  take(): Promise<TaskWrites[]> {
    const held = this.#held;
    this.#held = [];
    return Promise.all(held);
  }

  /** @param id of a checkpoint of the graph, or of a subgraph in its step */
  stepBreaksOff(id: string): void {
    this.#brokenOffAt = id;
  }

  /** @param id of a checkpoint of the graph: ids grow */
  stepEnds(id: string): void {
    if (this.#brokenOffAt !== null && id > this.#brokenOffAt) this.#brokenOffAt = null;
  }
}
