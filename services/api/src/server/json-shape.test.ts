import { describe, expect, it } from '@jest/globals';
import { oversizeOf } from './json-shape.ts';

const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown;
const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, 0]));

describe('the shape of a body', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a scalar', 'x'.repeat(2_000_000)],
    ['64 levels', nested(64)],
    ['1,000 fields', fields(1_000)],
    ['a name of 256 characters', { ['k'.repeat(256)]: 0 }],
    ['99,999 entries', Array.from({ length: 99_999 }, () => 0)],
    [
      'a long conversation in parts',
      Array.from({ length: 1_000 }, () => ({
        role: 'user',
        content: Array.from({ length: 10 }, () => ({ type: 'text', text: 'x', mediaType: null })),
      })),
    ],
  ])('may be: %s', (_, value) => expect(oversizeOf(value)).toBeNull());

  it.each<[string, unknown, RegExp]>([
    ['a level more', nested(66), /64 levels/],
    ['a field more', [fields(1_001)], /1000 fields/],
    ['a longer name', { a: { ['secret'.repeat(50)]: 0 } }, /name of more than 256/],
    ['more entries', Array.from({ length: 100_000 }, () => 0), /100000 values/],
    ['more entries in all', Array.from({ length: 1_000 }, () => Array.from({ length: 100 }, () => 0)), /100000 values/],
  ])('may not have %s', (_, value, complaint) => {
    expect(oversizeOf(value)).toMatch(complaint);
    expect(oversizeOf(value)).not.toContain('secret');
  });
});
