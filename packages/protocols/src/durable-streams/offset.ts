import { type EventId, eventId, eventPosition } from '@millrace/contracts';

/** Digits of an attempt and of a sequence number: offsets sort as strings. */
const ATTEMPT_DIGITS = 10;
const SEQ_DIGITS = 15;
const OFFSET = /^(\d{10})_(\d{15})$/;

/** The offset after an event: `<attempt>_<seq>`, with leading zeros. Opaque to clients. */
export function offsetAfter(id: EventId): string {
  const { attempt, seq } = eventPosition(id);
  return `${String(attempt).padStart(ATTEMPT_DIGITS, '0')}_${String(seq).padStart(SEQ_DIGITS, '0')}`;
}

/** The event before an offset.
 *  @returns null for an offset that was never issued */
export function eventBefore(offset: string): EventId | null {
  const [, attempt, seq] = OFFSET.exec(offset) ?? [];
  return attempt === undefined || seq === undefined ? null : eventId(Number(attempt), Number(seq));
}
