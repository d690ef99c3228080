/** `<attempt>-<seq>`: the id of an event, and of its entry in the Redis stream.
 *  Strictly increasing within a job: attempt first, then seq, compared as integers.
 *  Attempt 0 is the time before a worker took the job.
 *  @see PROTOCOL.md §1 */
export type EventId = `${number}-${number}`;

export interface EventPosition {
  /** 0 before the first worker, then 1, 2, … */
  readonly attempt: number;
  /** 1, 2, … within the attempt */
  readonly seq: number;
}

/** Before the first event of any log. */
export const LOG_START: EventId = '0-0';

// 15 digits keep both parts below Number.MAX_SAFE_INTEGER; no sign, no leading zero: one spelling per id
const EVENT_ID = /^(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})$/;

export function eventId(attempt: number, seq: number): EventId {
  return `${attempt}-${seq}`;
}

export function isEventId(text: string): text is EventId {
  return EVENT_ID.test(text);
}

export function eventPosition(id: EventId): EventPosition {
  const dash = id.indexOf('-');
  return { attempt: Number(id.slice(0, dash)), seq: Number(id.slice(dash + 1)) };
}

/** @returns negative when `a` comes before `b`, positive when after, 0 when they are the same event */
export function compareEventIds(a: EventId, b: EventId): number {
  if (a === b) return 0;
  const left = eventPosition(a);
  const right = eventPosition(b);
  return left.attempt - right.attempt || left.seq - right.seq;
}
