import { expect, it } from '@jest/globals';
import { age } from './age.ts';

it.each([
  [0, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [7_200_000, '2 h'],
  [200_000_000, '2 d'],
  [-5000, '0 s'],
])('%d ms are %s', (ms, text) => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  expect(age(new Date(now - ms).toISOString(), now)).toBe(text);
});
