import { describe, expect, it } from '@jest/globals';
import { figureOf, MeasuredFigures, mergedFigures } from './figures.ts';

function measured(of: string, peer: string, ...values: number[]) {
  const figures = new MeasuredFigures();
  for (const value of values) figures.add(of, peer, { ms: value });
  return figures.all();
}

describe('measured figures', () => {
  it('are medians of their rounds', () => {
    expect(figureOf(measured('light', 'direct', 3, 100, 4), 'light', 'direct', 'ms')).toBe(4);
    expect(figureOf(measured('light', 'direct', 3), 'light', 'naive', 'ms')).toBeUndefined();
  });

  it('of a later run replace all that an earlier one says of the same, for every peer', () => {
    const earlier = [
      ...measured('light', 'direct', 1),
      ...measured('light', 'naive', 2),
      ...measured('talk', 'direct', 3),
    ];
    const merged = mergedFigures(earlier, measured('light', 'direct', 9));
    expect(merged.map(({ of, peer, medians }) => [of, peer, medians['ms']])).toEqual([
      ['talk', 'direct', 3],
      ['light', 'direct', 9],
    ]);
  });
});
