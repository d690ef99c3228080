import { describe, expect, it } from '@jest/globals';
import { between, bytes, count, duration } from './format.ts';

describe('figures of the console', () => {
  it('have the unit that people read', () => {
    expect([null, 820, 4_210, 180_000, 5_400_000].map(duration)).toEqual(['–', '820 ms', '4.2 s', '3 min', '1.5 h']);
    expect([12, 2_048, 3_145_728].map(bytes)).toEqual(['12 B', '2.0 kB', '3.0 MB']);
    expect(count(1_234.56)).toBe('1,234.6');
    expect([between('2026-01-01T00:00:00Z', '2026-01-01T00:00:02Z'), between(null, null)]).toEqual(['2.0 s', '–']);
  });
});
