import { describe, expect, it } from '@jest/globals';
import { privateKibibytesIn, ticksIn } from './cpu.ts';

describe('/proc', () => {
  it('gives the processor time of a process, whatever its name', () => {
    const stat = '42 (a (b) c) S 1 42 42 0 -1 4194304 98 0 0 0 1200 34 5 6 20 0 1 0 1153224 3133440 390';
    expect(ticksIn(stat)).toBe(1_234);
  });

  it('gives the memory that nobody shares', () => {
    const rollup = 'Rss:   900 kB\nShared_Clean:  500 kB\nPrivate_Clean:     100 kB\nPrivate_Dirty:     300 kB\n';
    expect(privateKibibytesIn(rollup)).toBe(400);
  });
});
