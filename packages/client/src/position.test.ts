import { describe, expect, it } from '@jest/globals';
import { isAfter } from './position.ts';

describe('an event id', () => {
  it.each([
    ['1-10', '1-9', true],
    ['1-9', '1-10', false],
    ['1-9', '1-9', false],
    ['2-1', '1-9', true],
    ['job/1-9', 'job/1-10', false],
    ['next/0-1', 'job/1-10', true],
    ['0-0', '1-9', true],
    ['0-1', '0-0', true],
    ['opaque', '1-9', true],
  ])('%s after %s: %s', (id, last, isLater) => {
    expect(isAfter(id, last)).toBe(isLater);
  });
});
