import { describe, expect, it } from '@jest/globals';
import { judgeUsage } from './judge-usage.ts';
import type { UsageTestimony } from './usage-evidence.ts';

const TRUE: UsageTestimony = {
  tenant: 'red',
  sums: { jobs: 3, attempts: 5, inputTokens: 10, outputTokens: 30, estimatedTokens: 8 },
  jobs: [
    { id: 'once', attempts: 1, counted: [1] },
    { id: 'twice', attempts: 2, counted: [1, 2] },
    { id: 'erased', attempts: null, counted: [] },
  ],
  reportedTokens: 33,
  doneTokens: 30,
};
const defectsOf = (changes: Partial<UsageTestimony>) => judgeUsage({ ...TRUE, ...changes }).map(({ defect }) => defect);
const sums = (changes: Partial<UsageTestimony['sums']>) => ({ sums: { ...TRUE.sums, ...changes } });

describe('the judgement on a ledger', () => {
  it('accepts every attempt once, and what the model has counted', () => {
    expect(judgeUsage(TRUE)).toEqual([]);
  });

  it.each([
    ['a job that is missing', sums({ jobs: 2 }), ['lost']],
    ['a job that is there twice', sums({ jobs: 4 }), ['repeated']],
    ['an attempt that is missing', { jobs: TRUE.jobs.map((job) => ({ ...job, counted: [1] })) }, ['lost']],
    ['an attempt in the memory alone', sums({ attempts: 2 }), ['lost']],
    [
      'an attempt that is there twice',
      { ...sums({ attempts: 9 }), jobs: TRUE.jobs.slice(0, 2) },
      ['repeated', 'repeated'],
    ],
    ['tokens that are missing', sums({ outputTokens: 27 }), ['lost']],
    ['tokens that are there twice', sums({ outputTokens: 60 }), ['repeated']],
  ] as const)('refuses %s', (_, changes, defects) => {
    expect(defectsOf(changes)).toEqual(defects);
  });
});
