import { describe, expect, it } from '@jest/globals';
import { formatMs, table } from './table.ts';

describe('table', () => {
  it('is aligned Markdown', () => {
    expect(
      table(
        ['case', 'ms'],
        [
          ['short', '9'],
          ['a longer one', '1,312'],
        ],
      ),
    ).toBe(
      [
        '| case         |    ms |', //
        '| ------------ | ----: |',
        '| short        |     9 |',
        '| a longer one | 1,312 |',
      ].join('\n'),
    );
  });

  it('leaves a missing cell empty', () => {
    expect(table(['a', 'b'], [['x']])).toBe('| a  |  b |\n| -- | -: |\n| x  |    |');
  });
});

describe('formatMs', () => {
  it('gives tenths only below ten', () => {
    expect([8.44, 9, 12.3, 1311.6, 2760].map(formatMs)).toEqual(['8.4', '9', '12', '1,312', '2,760']);
  });
});
