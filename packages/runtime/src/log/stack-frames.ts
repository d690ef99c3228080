/** V8's default number of frames. */
const MAX_FRAMES = 10;

/** Longer than any useful frame. */
const MAX_FRAME_LENGTH = 300;

/** Longest text before the message, for example `TypeError [ERR_INVALID_URL]: `. */
const MAX_HEADER_LENGTH = 120;

/** V8's location in a file: `at run (/app/a.js:1:2)`, `at async file:///app/a.js:1:2`. */
const NAMES_A_PLACE = /:\d+:\d+\)?$/;

/** Returns the stack frames that name a location in a file, without any part of the message.
 *
 *  The message precedes the frames and may contain lines that look like frames: a prompt may quote a stack. So only lines
 *  after the whole message count. Returns no frames when the end of the message is unknown because message or stack were
 *  changed after the error was created. */
export function framesOf(stack: string, { name, message }: Pick<Error, 'name' | 'message'>): string[] {
  const from = endOfMessage(stack, name, message);
  if (from === null) return [];
  const lines = firstLines(stack.slice(from + 1));
  if (!lines.every((line) => line.startsWith('    at '))) return [];
  return lines.map((line) => line.trim()).filter((line) => line.length <= MAX_FRAME_LENGTH && NAMES_A_PLACE.test(line));
}

/** The first complete lines. Reads only as much of a long text as they can occupy. */
function firstLines(text: string): string[] {
  const maxLength = MAX_FRAMES * MAX_FRAME_LENGTH;
  const lines = text.slice(0, maxLength).split('\n');
  if (text.length > maxLength) lines.pop();
  return lines.slice(0, MAX_FRAMES);
}

/** The index after the message, where a line break follows, or null. The header before it has the error's name at the first
 *  access to the stack, or the name of the class.
 *  Tries the possible ends of a header instead of searching: a search for a long message can take quadratic time. */
function endOfMessage(stack: string, name: string, message: string): number | null {
  const whole = [`${name}: ${message}`, ...(message === '' ? [name] : [])];
  const known = whole.find((header) => stack.startsWith(`${header}\n`));
  if (known !== undefined) return known.length;
  const header = stack.slice(0, MAX_HEADER_LENGTH).split('\n', 1)[0] ?? '';
  if (message === '') return /^[\w.$]+(?: \[\w+\])?$/.test(header) ? header.length : null;
  for (let colon = header.indexOf(': '); colon !== -1; colon = header.indexOf(': ', colon + 1)) {
    const end = colon + 2 + message.length;
    if (stack.startsWith(message, colon + 2) && stack[end] === '\n') return end;
  }
  return null;
}
