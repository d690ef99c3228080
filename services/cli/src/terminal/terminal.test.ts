import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { styled, Terminal } from './terminal.ts';

const ESC = '\u001b';
/** A word of somebody else that would clear the screen, set a title, and turn the text around. */
const UNRULY = `evil ${ESC}[2J${ESC}]0;t\u0007\u009b2J\u202e\u007f`;

/** A screen that is a terminal, with colours. */
function screen() {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), {
    isTTY: true,
    columns: 80,
    hasColors: () => true,
    getColorDepth: () => 8,
  });
  return { stream, written: () => String(stream.read() ?? '') };
}

/** A style, or one of the two ends of a link. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences to look for
const HARMLESS = /\u001b\[(?!8m)[\d;]*m|\u001b\]8;;[^\u0000-\u001f\u007f-\u009f]*\u0007/g;

/** C0 and C1 but newline and tab, and what turns text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the characters to look for
const STEERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const WAYS: Record<string, (terminal: Terminal) => void> = {
  line: (terminal) => terminal.line(UNRULY),
  'a styled line': (terminal) => terminal.line(styled('bold', UNRULY), UNRULY),
  note: (terminal) => terminal.note(UNRULY),
  problem: (terminal) => terminal.problem(UNRULY),
  table: (terminal) => terminal.table([UNRULY], { word: (row) => row }),
  JSON: (terminal) => terminal.json({ [UNRULY]: UNRULY }),
  'JSON over several lines': (terminal) => terminal.json([UNRULY], 2),
  'the own words of the command line': (terminal) => terminal.own(`unknown option ${UNRULY}`, 'err'),
  answer(terminal) {
    const answer = terminal.answer();
    for (const character of `${UNRULY}\n`) answer.write(character);
    answer.end();
  },
  'character references of an answer'(terminal) {
    const answer = terminal.answer();
    answer.write('evil &#27;[2J &#x1B;]0;t&#7; &#155;2J &#x202E; `&#27;` [a](http://b/&#27;c) **&#27;[8m**\n');
    answer.end();
  },
};

describe('what others say', () => {
  it.each(Object.entries(WAYS))('steers no terminal as %s', (_, write) => {
    const { stream, written } = screen();
    write(new Terminal(new PassThrough(), stream, stream));
    const text = written().replaceAll(HARMLESS, '');
    expect(text).toContain('evil');
    expect(STEERS.exec(text)).toBe(null);
  });

  it('is the same value as JSON', () => {
    const { stream, written } = screen();
    new Terminal(new PassThrough(), stream, stream).json({ said: UNRULY });
    expect(JSON.parse(written())).toEqual({ said: UNRULY });
  });

  it('keeps the styles of Markdown', () => {
    const { stream, written } = screen();
    const answer = new Terminal(new PassThrough(), stream, stream).answer();
    answer.write('**bold** text\n');
    answer.end();
    expect(written()).toContain(`${ESC}[1mbold${ESC}[22m`);
  });
});
