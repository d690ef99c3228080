import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PlainText, plain, plainLine } from './plain.ts';

/** Whether a terminal would take any of it for a command. */
const steers = (text: string) =>
  [...text].some(
    (character) =>
      character < '\n' || (character > '\n' && character < ' ') || (character >= '\u007f' && character <= '\u009f'),
  );

const UNRULY = fc.string({
  unit: fc.constantFrom(
    'a',
    'é',
    '🌅',
    '\n',
    '\t',
    '\u001b',
    '[',
    ']',
    '0',
    ';',
    'm',
    'J',
    '\u0007',
    '\u009b',
    '\u202e',
    '\\',
    '\r',
  ),
  maxLength: 40,
});

describe('text of others', () => {
  it('steers no terminal, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(UNRULY, { maxLength: 8 }), (pieces) => {
        const text = new PlainText();
        const written = [...pieces.map((piece) => text.push(piece)), text.end()].join('');
        expect(steers(written.replaceAll('\t', ''))).toBe(false);
      }),
    );
  });

  it('says what it said, without colours, titles and turned words', () => {
    expect(plain('a\u001b[31mred\u001b[0m \u001b]0;title\u0007b\u202ec\n\td')).toBe('ared bc\n\td');
    expect(plainLine(' one\n\ttwo\u0000 ')).toBe('one two');
  });

  it('keeps what is whole of a text in pieces', () => {
    const text = new PlainText();
    const pieces = ['a\u001b', '[3', '1mb', '\u001b[0m', 'c'];
    expect([...pieces.map((piece) => text.push(piece)), text.end()].join('')).toBe('abc');
  });
});
