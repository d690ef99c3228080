/** Begins every token of the paced model and appears nowhere else: counting it in a body of any protocol counts
 *  tokens. JSON does not escape it. */
export const TOKEN_MARK = '~';

/** A token without a stamp: five characters, like an English word with its space. */
export const PLAIN_TOKEN = `${TOKEN_MARK}word`;

/** Digits of a stamp, base 36: enough microseconds for three years of uptime. */
export const STAMP_DIGITS = 9;

const BASE = 36;

/** Microseconds of the machine's monotonic clock, which all its processes share (CLOCK_MONOTONIC on Linux). */
export function monotonicMicros(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanoseconds / 1e3);
}

/** A token stamped with the time it was made.
 *  @param micros {@link monotonicMicros} */
export function stampedToken(micros: number): string {
  return TOKEN_MARK + micros.toString(BASE).padStart(STAMP_DIGITS, '0');
}

/** The time in a stamp's digits, microseconds; NaN if they are invalid. */
export function stampOf(digits: string): number {
  return digits.length === STAMP_DIGITS ? Number.parseInt(digits, BASE) : Number.NaN;
}
