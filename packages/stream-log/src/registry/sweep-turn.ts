import { randomUUID } from 'node:crypto';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** Whose turn it is to sweep all open jobs of a Redis: one node's, until it stops or is not heard of for a while. A node that has slept
 *  through the end of its turn may sweep beside its successor, which does no harm.
 *  @see docs/adr/0058-one-node-sweeps-a-shard.md */
export class SweepTurn {
  readonly #run: RunScript;
  readonly #node = randomUUID();

  /** @param formats what this node can read: an older node leaves newer jobs alone, so it must not keep a newer one from sweeping */
  constructor(
    redis: RedisConnection,
    readonly keys: KeySpace,
    readonly formats: string,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Takes the turn, or keeps it.
   *  @param leaseMs for how long, milliseconds
   *  @returns 0: this node has it; otherwise for how long another one has it, milliseconds */
  async take(leaseMs: number): Promise<number> {
    return Number(await this.#run('take-sweep', [this.keys.sweeper(this.formats)], [this.#node, leaseMs]));
  }

  /** Gives the turn back, if this node has it. */
  async giveBack(): Promise<void> {
    await this.take(0);
  }
}
