import { describe, expect, it } from '@jest/globals';
import { isForJob } from './watch-token.ts';

const tokenWith = (claims: unknown) => `mrt_e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;

describe('isForJob', () => {
  it('tells a job from a conversation by what the token names', () => {
    const token = tokenWith({ jobs: ['a', 'é-ÿ?'], threads: ['b'] });
    expect(['a', 'é-ÿ?', 'b', 'c'].map((id) => isForJob(token, id))).toEqual([true, true, false, false]);
    expect(isForJob(tokenWith({ jobs: ['a'], threads: ['a'] }), 'a')).toBe(false);
  });

  it('takes what it cannot read for a conversation’s', () => {
    for (const token of ['', 'a-key', 'mrt_..', 'mrt_a.%.b', 'mrt_a.bm8.b', tokenWith(null), tokenWith({ jobs: 'a' })])
      expect(isForJob(token, 'a')).toBe(false);
  });
});
