import { stripVTControlCharacters } from 'node:util';

/** C0 and C1 but newline and tab, and what turns the direction of the text around it */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the characters to take out
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Those of them that JSON leaves as they are */
const UNESCAPED = /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** What a Markdown renderer writes of itself: a style, or the two ends of a link. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the beginning of a sequence
const OF_RENDERER = /(\u001b\[(?:[0-49]|2[2-49]|[34][0-79]|9[0-7])m|\u001b\]8;;[^\u0000-\u001f\u007f-\u009f]*\u0007)/;

/** A control sequence (CSI), a command of the operating system (OSC), or two characters */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the beginning of a sequence
const WHOLE_SEQUENCE = /^\u001b(\[[0-?]*[ -/]*[@-~]|\][^\u0007]*\u0007|[^[\]])/;

/** @returns text of a model, a tool or another user without what would steer the terminal */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(CONTROL, '');
}

/** @returns what a renderer has made of such a text, with its styles and links and nothing else that would steer the terminal: a
 *   character reference such as `&#27;` becomes a control character only when it is rendered */
export function plainRendered(text: string): string {
  return text
    .split(OF_RENDERER)
    .map((piece, i) => (i % 2 === 1 ? piece : piece.replace(CONTROL, '')))
    .join('');
}

/** @returns JSON that is the same value to a program, and steers no terminal
 *  @param indent spaces for each level; 0: all on one line */
export function plainJson(value: unknown, indent = 0): string {
  // the others are escaped already, and none stands outside of a string
  return JSON.stringify(value, null, indent).replace(
    UNESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** @returns the same on one line, for tables and messages */
export function plainLine(text: string): string {
  return plain(text).replaceAll(/\s+/g, ' ').trim();
}

/** Takes control characters out of a text that comes in pieces: an escape sequence may begin in one piece and end in the next. */
export class PlainText {
  #held = '';

  /** @returns what is safe to write now */
  push(piece: string): string {
    const text = this.#held + piece;
    const start = text.lastIndexOf('\u001b');
    // the longest sequences worth recognizing; a longer one loses its escape character, which disarms it
    const isOpen = start >= 0 && text.length - start < 64 && !WHOLE_SEQUENCE.test(text.slice(start));
    this.#held = isOpen ? text.slice(start) : '';
    return plain(isOpen ? text.slice(0, start) : text);
  }

  end(): string {
    const rest = this.#held;
    this.#held = '';
    return plain(rest);
  }
}
