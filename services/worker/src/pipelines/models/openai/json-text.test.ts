import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonText } from './json-text.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What it says after each piece. */
function answers(pieces: readonly string[]): boolean[] {
  const text = new JsonText();
  return pieces.map((piece) => {
    text.add(piece);
    return text.isWhole();
  });
}

/** What parsing says after each piece. */
const parsed = (pieces: readonly string[]) => pieces.map((_, at) => isJson(pieces.slice(0, at + 1).join('')));

describe('a JSON text in pieces', () => {
  it.each([
    ...['', '{}', ' [1, 2] ', '"a\\"b"', '"\\\\"', '{"a":"}"}', '12', 'true', 'nul', '{} {}', '{}x', ']', '}{', '[}'],
    ...['"a"b', '[1,]', '{"a":[{"b":"\\u00e4]"}]}', '-1.5e3', '{"a":1', '"', '\\'],
  ])('is whole exactly where it can be parsed: %s', (text) => {
    expect(answers([...text])).toEqual(parsed([...text]));
  });

  it('is whole exactly where it can be parsed, whatever is added after it', () => {
    const piece = fc.oneof(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', ' ', '1', 'a'), fc.json());
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const whole = parsed(pieces);
        // a long number or word is not looked at
        fc.pre(pieces.join('').length <= 64 || !/^\s*[\w-]/.test(pieces.join('')));
        expect(answers(pieces)).toEqual(whole);
      }),
      { numRuns: 2_000 },
    );
  });
});
