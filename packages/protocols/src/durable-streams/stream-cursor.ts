/** Cursors count intervals since this moment, ms since the epoch. */
const EPOCH_MS = Date.UTC(2024, 9, 9);
const INTERVAL_MS = 20_000;
/** How many intervals a cursor may be moved on at random. */
const MAX_STEP = 180;
const CURSOR = /^\d{1,15}$/;

/** The cursor of an answer: the number of the present interval, so that caches may join readers of the same one. A reader who
 *  sends that number already gets a greater one, or a cache could answer it with the same thing for ever.
 *  @param nowMs ms since the epoch
 *  @param given the cursor that the client sent, if any
 *  @param random from 0 to 1
 *  @see https://github.com/durable-streams/durable-streams/blob/main/PROTOCOL.md */
export function streamCursor(nowMs: number, given: string | undefined, random: number): string {
  const current = Math.floor((nowMs - EPOCH_MS) / INTERVAL_MS);
  const sent = given !== undefined && CURSOR.test(given) ? Number(given) : -1;
  return String(sent < current ? current : sent + 1 + Math.floor(random * MAX_STEP));
}
