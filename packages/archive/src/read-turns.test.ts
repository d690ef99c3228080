import { describe, expect, it } from '@jest/globals';
import { ArchiveUnavailable } from './errors.ts';
import { ReadTurns } from './read-turns.ts';

/** Reads that wait to be answered, in the order in which they began. */
class Reads {
  readonly begun: string[] = [];
  readonly #ends: (() => void)[] = [];

  readonly read = (name: string) => () =>
    new Promise<void>((resolve) => {
      this.begun.push(name);
      this.#ends.push(resolve);
    });

  async end(): Promise<void> {
    this.#ends.shift()?.();
    // the next one begins in a later microtask
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('reads of the archive', () => {
  it('are bounded, and tenants take turns', async () => {
    const turns = new ReadTurns({ atOnce: 1, ofTenant: 10 });
    const reads = new Reads();
    const all = ['a1', 'a2', 'a3', 'b1'].map((name) => turns.take(name.charAt(0), reads.read(name)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(reads.begun).toEqual(['a1']);
    for (let nth = 0; nth < 4; nth += 1) await reads.end();
    await Promise.all(all);
    expect(reads.begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  it('of one tenant are refused beyond its share, and of others are not', async () => {
    const turns = new ReadTurns({ atOnce: 1, ofTenant: 2 });
    const reads = new Reads();
    const first = [turns.take('a', reads.read('a1')), turns.take('a', reads.read('a2'))];
    await expect(turns.take('a', reads.read('a3'))).rejects.toThrow(ArchiveUnavailable);
    const other = turns.take('b', reads.read('b1'));
    await new Promise((resolve) => setImmediate(resolve));
    for (let nth = 0; nth < 3; nth += 1) await reads.end();
    await Promise.all([...first, other]);
    expect(reads.begun).toEqual(['a1', 'a2', 'b1']);
    const again = turns.take('a', reads.read('a4'));
    await new Promise((resolve) => setImmediate(resolve));
    await reads.end();
    await again;
  });

  it('that fail give their turn back', async () => {
    const turns = new ReadTurns({ atOnce: 1, ofTenant: 1 });
    for (let nth = 0; nth < 3; nth += 1) {
      await expect(turns.take('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    }
  });
});
