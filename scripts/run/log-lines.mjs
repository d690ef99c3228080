const shownLevels = new Set(['warn', 'error', 'fatal']);

/**
 * What the terminal shows of one line of a service's log: warnings and worse, readable; null for the rest.
 * A line that is no JSON comes from below the logger (a crash of Node, say) and is shown as it is.
 * @param {string} line
 * @returns {string | null}
 */
export function readableWarning(line) {
  const entry = parse(line);
  if (entry === null) return line.trim() === '' ? null : line;
  const level = String(entry['level']);
  if (!shownLevels.has(level)) return null;
  const error = entry['err'] ?? entry['error'] ?? null;
  const why = [entry['reason'], error === null ? '' : describe(error)].filter(Boolean).join(', ');
  return [level, entry['msg'], entry['requestId'], why && `(${why})`].filter(Boolean).join(' ');
}

/** @param {unknown} detail */
function describe(detail) {
  if (typeof detail === 'string') return detail;
  // most errors are logged without their message, which may quote a prompt
  const { message, type, code } = /** @type {Record<string, unknown>} */ (detail);
  return String(message ?? [type, code].filter(Boolean).join(' '));
}

/**
 * @param {string} line
 * @returns {Record<string, unknown> | null}
 */
function parse(line) {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
