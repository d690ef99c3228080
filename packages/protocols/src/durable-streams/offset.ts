import { type EventId, eventId } from '@millrace/contracts';

/** Digits of an attempt and of a sequence number: offsets sort as strings. */
const ATTEMPT_DIGITS = 10;
const SEQ_DIGITS = 15;
/** so many zeros */
const ZEROS = Array.from({ length: SEQ_DIGITS }, (_, count) => '0'.repeat(count));
const OFFSET = /^(\d{10})_(\d{15})$/;

/** The offset after an event: `<attempt>_<seq>`, with leading zeros. Opaque to clients. */
export function offsetAfter(id: EventId): string {
  const dash = id.indexOf('-');
  const attempt = `${ZEROS[ATTEMPT_DIGITS - dash] ?? ''}${id.slice(0, dash)}_`;
  return `${attempt}${ZEROS[SEQ_DIGITS - (id.length - dash - 1)] ?? ''}${id.slice(dash + 1)}`;
}

/** The event before an offset.
 *  @returns null for an offset that was never issued */
export function eventBefore(offset: string): EventId | null {
  const [, attempt, seq] = OFFSET.exec(offset) ?? [];
  return attempt === undefined || seq === undefined ? null : eventId(Number(attempt), Number(seq));
}
