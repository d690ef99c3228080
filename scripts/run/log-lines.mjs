import { stripVTControlCharacters } from 'node:util';

const shownLevels = new Set(['warn', 'error', 'fatal']);

/**
 * What the terminal shows of one line of a service's log: warnings and worse, readable; null for the rest.
 * A line that is no JSON comes from below the logger (a crash of Node, say) and is shown as it is.
 * @param {string} line
 * @returns {string | null}
 */
export function readableWarning(line) {
  const entry = entryOf(line);
  if (entry === null) return line.trim() === '' ? null : line;
  const level = String(entry['level']);
  if (!shownLevels.has(level)) return null;
  const error = entry['err'] ?? entry['error'] ?? null;
  const why = [entry['reason'], error === null ? '' : describe(error)].filter(Boolean).join(', ');
  return plain([level, entry['msg'], entry['requestId'], why && `(${why})`].filter(Boolean).join(' '));
}

/**
 * What the terminal shows of a line where all are wanted: the line, without what would steer the terminal if it is the logger's,
 * which may quote others.
 * @param {string} line
 */
export function wholeLine(line) {
  return line.startsWith('{') ? plain(line) : line;
}

/** C0 and C1 and what turns the direction of the text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the characters to take out
const control = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** @param {string} text */
const plain = (text) => stripVTControlCharacters(text).replace(control, '');

/** @param {unknown} detail */
function describe(detail) {
  if (typeof detail === 'string') return detail;
  // most errors are logged without their message, which may quote a prompt
  const { message, type, code } = /** @type {Record<string, unknown>} */ (detail);
  return String(message ?? [type, code].filter(Boolean).join(' '));
}

/**
 * The fields of a line of a log; null: it is no JSON.
 * @param {string} line
 * @returns {Record<string, unknown> | null}
 */
export function entryOf(line) {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
