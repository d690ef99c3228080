import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cut, join } from './pieces.ts';

/** Text without repetition, as messages are. */
function text(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = 32 + ((state >>> 16) % 90);
  }
  return bytes;
}

function bytesOf(pieces: Iterable<Buffer>): number {
  return [...pieces].reduce((sum, piece) => sum + piece.length, 0);
}

/** What a second value costs in pieces that the first does not have. */
function costOf(second: Buffer, first: Buffer): number {
  const [before, after] = [new Map<string, Buffer>(), new Map<string, Buffer>()];
  cut(first, before);
  cut(second, after);
  return bytesOf([...after].filter(([name]) => !before.has(name)).map(([, piece]) => piece));
}

describe('a value in pieces', () => {
  it('comes together again, whatever it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300_000 }), fc.integer({ min: 1 }), fc.boolean(), (length, seed, same) => {
        const value = same ? Buffer.alloc(length, seed) : text(length, seed);
        const pieces = new Map<string, Buffer>();
        const names = cut(value, pieces);
        expect(names.length).toBeLessThanOrEqual(32);
        expect(join(names, (name) => pieces.get(name))?.equals(value)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('does not come together when a piece is missing', () => {
    const pieces = new Map<string, Buffer>();
    const names = cut(text(200_000), pieces);
    for (const gone of pieces.keys()) {
      expect(join(names, (name) => (name === gone ? undefined : pieces.get(name)))).toBeUndefined();
    }
  });

  it.each([
    ['at its end', (value: Buffer) => Buffer.concat([value, text(300, 7)])],
    ['at its beginning', (value: Buffer) => Buffer.concat([text(300, 7), value])],
    [
      'in the middle',
      (value: Buffer) => Buffer.concat([value.subarray(0, 1_234_567), text(300, 7), value.subarray(1_234_567)]),
    ],
    ['by what it loses', (value: Buffer) => Buffer.concat([value.subarray(0, 777_777), value.subarray(790_000)])],
  ])('costs little when it changes %s', (_, change) => {
    const value = text(3_000_000);
    expect(costOf(change(value), value)).toBeLessThan(value.length / 100);
  });
});
