import { describe, expect, it } from '@jest/globals';
import { ANSWER, dueMs, TOKENS } from './simulated-answer.ts';

describe('the simulated answer', () => {
  it('begins and ends when it says', () => {
    expect(dueMs(0)).toBe(ANSWER.firstTokenMs);
    expect(dueMs(TOKENS.length - 1)).toBeCloseTo(ANSWER.lastTokenMs);
  });

  it('is spread evenly', () => {
    const gaps = TOKENS.slice(1).map((_, index) => dueMs(index + 1) - dueMs(index));
    for (const gap of gaps) expect(gap).toBeCloseTo(1_460 / 39);
  });
});
