import { describe, expect, it } from '@jest/globals';
import { median, medians } from './median.ts';

describe('median', () => {
  it('is the middle value, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 9, 100])).toBe(10);
    expect(median([4])).toBe(4);
  });

  it('is the mean of the two middle values of an even number', () => {
    expect(median([4, 1, 3, 100])).toBe(3.5);
  });

  it('refuses to make one up', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => medians([])).toThrow(RangeError);
  });
});

describe('medians', () => {
  it('takes each field by itself', () => {
    const samples = [
      { first: 1, end: 30 },
      { first: 3, end: 10 },
      { first: 2, end: 20 },
    ];
    expect(medians(samples)).toEqual({ first: 2, end: 20 });
  });
});
