import { expect, it } from '@jest/globals';
import { backOffMs } from './webhook-consumer.ts';

it('a webhook that fails comes again ever later, and for the last time within a day of its job’s end', () => {
  const pauses = Array.from({ length: 11 }, (_, nth) => backOffMs(nth + 1));
  expect(pauses).toEqual(pauses.toSorted((one, other) => one - other));
  expect(pauses[0]).toBe(5_000);
  const whole = pauses.reduce((sum, each) => sum + each, 0);
  expect(whole).toBeLessThan(24 * 3_600_000);
  expect(whole).toBeGreaterThan(20 * 3_600_000);
});
