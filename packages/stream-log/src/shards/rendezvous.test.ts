import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rendezvous } from './rendezvous.ts';

describe('rendezvous hashing', () => {
  it('moves a name to a new shard, or not at all', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 40 }), (name, count) => {
        const before = rendezvous(name, count);
        expect([before, count]).toContain(rendezvous(name, count + 1));
      }),
    );
  });

  it('gives each shard about as many names', () => {
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 10_000; i += 1) {
      const shard = rendezvous(`tenant.job-${i}`, counts.length);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(1_800);
    for (const count of counts) expect(count).toBeLessThan(2_200);
  });

  it.each([
    ['default.order-4711-2026', [0, 1, 1, 1]],
    ['thread default.support', [0, 0, 2, 4]],
    ['störe ünïcode', [0, 0, 0, 3]],
  ])('never changes its choice for %j', (name, choices) => {
    expect([1, 2, 3, 8].map((count) => rendezvous(name, count))).toEqual(choices);
  });
});
