import { describe, expect, it } from '@jest/globals';
import { ArchiveUnavailable } from './errors.ts';
import { ReadTurns } from './read-turns.ts';

const begun = () => new Promise((resolve) => setImmediate(resolve));

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
    await begun();
  }
}

describe('reads of the archive', () => {
  const BOUNDS = { atOnce: 1, waiting: 10, waitingOfTenant: 5, waitMs: 10_000 };

  it('are bounded, and tenants take turns', async () => {
    const turns = new ReadTurns(BOUNDS);
    const reads = new Reads();
    const all = ['a1', 'a2', 'a3', 'b1'].map((name) => turns.take(name.charAt(0), reads.read(name)));
    await begun();
    expect(reads.begun).toEqual(['a1']);
    for (let nth = 0; nth < 4; nth += 1) await reads.end();
    await Promise.all(all);
    expect(reads.begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  it('of one tenant are refused beyond its share, and of others are not', async () => {
    const turns = new ReadTurns({ ...BOUNDS, waitingOfTenant: 1 });
    const reads = new Reads();
    const first = [turns.take('a', reads.read('a1')), turns.take('a', reads.read('a2'))];
    await expect(turns.take('a', reads.read('a3'))).rejects.toThrow(ArchiveUnavailable);
    const other = turns.take('b', reads.read('b1'));
    await begun();
    for (let nth = 0; nth < 3; nth += 1) await reads.end();
    await Promise.all([...first, other]);
    expect(reads.begun).toEqual(['a1', 'a2', 'b1']);
    const again = turns.take('a', reads.read('a4'));
    await begun();
    await reads.end();
    await again;
  });

  it('are refused when too many wait, whoever asks', async () => {
    const turns = new ReadTurns({ ...BOUNDS, waiting: 2 });
    const reads = new Reads();
    const all = ['a1', 'b1', 'c1'].map((name) => turns.take(name.charAt(0), reads.read(name)));
    await expect(turns.take('d', reads.read('d1'))).rejects.toThrow(ArchiveUnavailable);
    await begun();
    for (let nth = 0; nth < 3; nth += 1) await reads.end();
    await Promise.all(all);
  });

  it('do not wait for ever, and leave their places when they give up', async () => {
    const turns = new ReadTurns({ ...BOUNDS, waitingOfTenant: 1, waitMs: 10 });
    const reads = new Reads();
    const first = turns.take('a', reads.read('a1'));
    for (let nth = 0; nth < 3; nth += 1) {
      await expect(turns.take('a', reads.read('late'))).rejects.toThrow(ArchiveUnavailable);
    }
    await reads.end();
    await first;
    const next = turns.take('a', reads.read('a2'));
    await begun();
    await reads.end();
    await next;
    expect(reads.begun).toEqual(['a1', 'a2']);
  });

  it('that fail give their turn back', async () => {
    const turns = new ReadTurns(BOUNDS);
    for (let nth = 0; nth < 3; nth += 1) {
      await expect(turns.take('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    }
  });
});
