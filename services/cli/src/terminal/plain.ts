import { stripVTControlCharacters } from 'node:util';

/** C0 and C1 but newline and tab, and what turns the direction of the text around it */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the characters to take out
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** A control sequence (CSI), a command of the operating system (OSC), or two characters */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the beginning of a sequence
const WHOLE_SEQUENCE = /^\u001b(\[[0-?]*[ -/]*[@-~]|\][^\u0007]*\u0007|[^[\]])/;

/** @returns text of a model, a tool or another user without what would steer the terminal */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(CONTROL, '');
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
