import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadOf } from './job-plan.ts';
import { scheduleOf } from './schedule.ts';
import { threadsOf } from './thread-plan.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe('the schedule of a run', () => {
  it('has the same faults and load for the same seed and duration, and others for another seed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(scheduleOf(seed, 2)).toEqual(scheduleOf(seed, 2));
        expect(loadOf(seed, 2)).toEqual(loadOf(seed, 2));
        expect(threadsOf(seed, 2)).toEqual(threadsOf(seed, 2));
        expect(scheduleOf(seed, 2)).not.toEqual(scheduleOf(seed + 1, 2));
        expect(loadOf(seed, 2)).not.toEqual(loadOf(seed + 1, 2));
        expect(threadsOf(seed, 2)).not.toEqual(threadsOf(seed + 1, 2));
      }),
      { numRuns: 20 },
    );
  });

  it('strikes in sequence within a lane, in parallel across lanes, and is over when the run is', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const strikes = scheduleOf(seed, 2);
        for (const lane of Map.groupBy(strikes, (strike) => strike.lane).values()) {
          const starts = lane.map(({ atMs }) => atMs).slice(1);
          expect(starts.every((atMs, index) => atMs > endOf(lane[index]))).toBe(true);
        }
        const overlaps = strikes.slice(1).filter(({ atMs }, index) => atMs < endOf(strikes[index]));
        expect(overlaps.length).toBeGreaterThan(0);
        expect(Math.max(...strikes.map(endOf))).toBeLessThanOrEqual(120_000);
      }),
    );
  });

  it('has every fault in five minutes, and nearly every fault in one', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const kinds = (minutes: number) => new Set(scheduleOf(seed, minutes).map(({ kind }) => kind)).size;
        expect(kinds(5)).toBe(17);
        expect(kinds(1)).toBeGreaterThanOrEqual(13);
      }),
    );
  });
});

function endOf(strike: { readonly atMs: number; readonly lastsMs: number } | undefined): number {
  return strike === undefined ? 0 : strike.atMs + strike.lastsMs;
}
