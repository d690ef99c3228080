import { describe, expect, it } from '@jest/globals';
import { reliabilityTable, withMatrix } from './reliability-table.mjs';

const rowsOf = (...runs: Parameters<typeof reliabilityTable>[0]) => reliabilityTable(runs).split('\n').slice(2);

describe('the matrix of docs/reliability.md', () => {
  it('has a row per test, with its fault, its promise and its figures in their units', () => {
    const figures = { streamsMs: 451.7, newJobMs: 1_240, calls: 12_000, addedMiB: 240.25, ofBaselinePercent: 104.4 };
    expect(rowsOf({ row: 'Redis gone: all resume', figures })).toEqual([
      '| Redis gone | all resume | streams 452 ms, new job 1.2 s, calls 12,000, added 240 MiB, of baseline 104 % |',
    ]);
  });

  it('gives what differs between runs from least to most', () => {
    const runs = [300, 900, 300].map((streamsMs) => ({ row: 'a: b', figures: { streamsMs, cuts: 7 } }));
    expect(rowsOf(...runs)).toEqual(['| a | b | streams 300 ms to 900 ms, cuts 7 |']);
  });

  it('leaves a figure out of the runs that did not measure it', () => {
    expect(rowsOf({ row: 'a: b', figures: { one: 1 } }, { row: 'a: b', figures: { two: 2 } })).toEqual([
      '| a | b | one 1, two 2 |',
    ]);
  });

  it('refuses a page without a place for it', () => {
    expect(() => withMatrix('nothing here', 'table')).toThrow('no place');
  });
});
