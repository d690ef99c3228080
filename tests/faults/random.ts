/** Random numbers that a seed repeats. */
export interface SeededRandom {
  readonly seed: number;
  /** @returns 0 ≤ x < `below`, not rounded */
  next(below: number): number;
}

/** Mulberry32. `MILLRACE_TEST_SEED` sets the seed; without it each run has its own.
 *  @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function seededRandom(seed = Number(process.env['MILLRACE_TEST_SEED'] || Date.now() % 1_000_000)): SeededRandom {
  let state = seed;
  return {
    seed,
    next(below) {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below;
    },
  };
}
