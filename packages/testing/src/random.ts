import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Pseudo-random choices, the same for the same seed on every machine. */
export class Random {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** A whole number, both bounds included. */
  int(least: number, most: number): number {
    return uniformInt(this.#generator, least, most);
  }

  /** True in this many cases of a hundred. */
  chance(percent: number): boolean {
    return this.int(1, 100) <= percent;
  }

  /** One item, each equally likely.
   *  @throws RangeError the list is empty */
  pick<T>(choices: readonly T[]): T {
    const [index, choice] = [...choices.entries()][this.int(0, choices.length - 1)] ?? [];
    if (index === undefined) throw new RangeError('there is nothing to pick from');
    return choice as T;
  }

  /** All items, shuffled. */
  shuffled<T>(choices: readonly T[]): T[] {
    const left = [...choices];
    return choices.flatMap(() => left.splice(this.int(0, left.length - 1), 1));
  }

  /** The seed of a separate sequence, so that one part of a plan may draw more without changing the others. */
  seed(): number {
    return this.int(0, 2 ** 31 - 1);
  }
}
