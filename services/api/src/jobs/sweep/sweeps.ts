import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Sweep } from './sweep.ts';

/** The sweep of each shard: one that does not answer holds up its own alone. */
export class Sweeps implements OnApplicationBootstrap, OnApplicationShutdown {
  /** that of the first shard, which Nest starts and ends */
  readonly home: Sweep;
  readonly #others: readonly Sweep[];

  /** @param parts one for each shard */
  constructor(readonly parts: readonly Sweep[]) {
    const [home, ...others] = parts as [Sweep, ...Sweep[]];
    this.home = home;
    this.#others = others;
  }

  onApplicationBootstrap(): void {
    for (const sweep of this.#others) sweep.onApplicationBootstrap();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.#others.map((sweep) => sweep.onApplicationShutdown()));
  }
}
