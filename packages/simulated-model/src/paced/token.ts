/** Begins every token of the paced model and stands nowhere else: whoever counts it in a body of any protocol has
 *  counted tokens. JSON leaves it as it is. */
export const TOKEN_MARK = '~';

/** A token without a stamp: five characters, as a word of English with its space. */
export const PLAIN_TOKEN = `${TOKEN_MARK}word`;

/** Digits of a stamp, base 36: microseconds for three years of a running machine. */
export const STAMP_DIGITS = 9;

const BASE = 36;

/** Microseconds of the machine's monotonic clock, which all of its processes share (CLOCK_MONOTONIC on Linux). */
export function monotonicMicros(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanoseconds / 1e3);
}

/** A token that says when it was made.
 *  @param micros {@link monotonicMicros} */
export function stampedToken(micros: number): string {
  return TOKEN_MARK + micros.toString(BASE).padStart(STAMP_DIGITS, '0');
}

/** The time in a stamp's digits, microseconds; NaN where they are none. */
export function stampOf(digits: string): number {
  return digits.length === STAMP_DIGITS ? Number.parseInt(digits, BASE) : Number.NaN;
}
