import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { leastSquares, type Observation, straightLine } from './least-squares.ts';

/** The sum of the squares of the relative errors. */
function squaredError(coefficients: readonly number[], observations: readonly Observation[]): number {
  const explained = (factors: readonly number[]) =>
    factors.reduce((sum, factor, at) => sum + factor * (coefficients[at] ?? 0), 0);
  return observations.reduce((sum, { terms: factors, value }) => sum + (explained(factors) / value - 1) ** 2, 0);
}

const terms = [
  [1, 10],
  [2, 7],
  [5, 1],
  [9, 30],
];

describe('least squares', () => {
  it('finds what made the values', () => {
    const coefficient = fc.double({ min: 0.1, max: 1_000, noNaN: true });
    fc.assert(
      fc.property(coefficient, coefficient, (one, other) => {
        const observations = terms.map(([a = 0, b = 0]) => ({ terms: [a, b], value: a * one + b * other }));
        const found = leastSquares(observations);
        expect((found[0] ?? 0) / one).toBeCloseTo(1, 5);
        expect((found[1] ?? 0) / other).toBeCloseTo(1, 5);
      }),
    );
  });

  it('finds nothing better beside it', () => {
    const observations = terms.map((each, at) => ({ terms: each, value: 10 + at * 3 }));
    const found = leastSquares(observations);
    const least = squaredError(found, observations);
    for (const step of [-0.01, 0.01]) {
      for (const at of [0, 1]) {
        const beside = found.map((value, place) => (place === at ? value + step : value));
        expect(squaredError(beside, observations)).toBeGreaterThan(least);
      }
    }
  });

  it('has no coefficient below zero: the others do what they can', () => {
    const observations = [
      { terms: [1, 1], value: 10 },
      { terms: [1, 2], value: 5 },
    ];
    const [one = 0, other] = leastSquares(observations);
    expect(other).toBe(0);
    expect(one).toBeGreaterThan(5);
    expect(one).toBeLessThan(10);
  });

  it('refuses what cannot tell', () => {
    expect(() => leastSquares([])).toThrow(RangeError);
    expect(() => leastSquares([{ terms: [1, 2], value: 1 }])).toThrow(RangeError);
    expect(() => leastSquares([{ terms: [1], value: 0 }])).toThrow(RangeError);
  });
});

describe('a straight line', () => {
  it('goes through two points, and between three', () => {
    const points = [
      { x: 10, y: 5 },
      { x: 20, y: 7 },
    ];
    expect(straightLine(points)).toEqual({ slope: 0.2, atZero: 3 });
    const { slope, atZero } = straightLine([...points, { x: 15, y: 9 }]);
    expect(slope).toBeCloseTo(0.2);
    expect(atZero).toBeCloseTo(4);
  });

  it('needs two of them', () => {
    expect(() => straightLine([{ x: 1, y: 1 }])).toThrow(RangeError);
  });
});
