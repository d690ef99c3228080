/** As many frames as V8 records by default. */
const MAX_FRAMES = 10;

/** Longer than any path that helps to find a place. */
const MAX_FRAME_LENGTH = 300;

/** Before the message stands no more than `TypeError [ERR_INVALID_URL]: `. */
const MAX_HEADER_LENGTH = 120;

/** What V8 says of a place in a file: `at run (/app/a.js:1:2)`, `at async file:///app/a.js:1:2`. */
const NAMES_A_PLACE = /:\d+:\d+\)?$/;

/** Where an error was thrown: the frames of its stack that name a place in a file, without a word of its message.
 *
 *  The message stands before the frames and may hold lines that look like some, for a prompt may quote a stack. So only
 *  what follows the whole message counts. Without frames where nobody can tell where it ends: message or stack were
 *  changed after the error was made. */
export function framesOf(stack: string, { name, message }: Pick<Error, 'name' | 'message'>): string[] {
  const from = endOfMessage(stack, name, message);
  if (from === null) return [];
  const lines = firstLines(stack.slice(from + 1));
  if (!lines.every((line) => line.startsWith('    at '))) return [];
  return lines.map((line) => line.trim()).filter((line) => line.length <= MAX_FRAME_LENGTH && NAMES_A_PLACE.test(line));
}

/** The first whole lines; looks at no more of a long text than they may have. */
function firstLines(text: string): string[] {
  const most = MAX_FRAMES * MAX_FRAME_LENGTH;
  const lines = text.slice(0, most).split('\n');
  if (text.length > most) lines.pop();
  return lines.slice(0, MAX_FRAMES);
}

/** Where the message ends and a line break follows, or null. The header before it has the name of when the stack was
 *  first asked for, or that of the class.
 *  Tries the places where a header may end, instead of searching: a search for a long message may take quadratic time. */
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
