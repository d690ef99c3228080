import { describe, expect, it } from '@jest/globals';
import { createJobSchema } from '@millrace/contracts';
import { fingerprintOf } from './fingerprint.ts';

const of = (body: object) => fingerprintOf(createJobSchema.parse(body));

describe('the fingerprint of a request', () => {
  it('does not depend on the order of keys or on explicit defaults', () => {
    expect(of({ query: 'a', metadata: { x: '1', y: '2' } })).toBe(
      of({ metadata: { y: '2', x: '1' }, onCrash: 'restart', query: 'a' }),
    );
  });

  it.each<[object, object]>([
    [{ query: 'a' }, { query: 'b' }],
    [{ query: 'a' }, { query: 'a', temperature: 0 }],
    [{ query: 'a' }, { messages: [{ role: 'user', content: 'a' }] }],
    [
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'user', content: 'b' },
        ],
      },
      {
        messages: [
          { role: 'user', content: 'b' },
          { role: 'user', content: 'a' },
        ],
      },
    ],
  ])('tells %j from %j', (a, b) => expect(of(a)).not.toBe(of(b)));
});
