import { type EventId, eventId, isTerminal, type JobRef, type StreamEventType, tenantOf } from '@millrace/contracts';
import type { ContentCipher, PlaceCipher, Sealer } from '../encryption/content-cipher.ts';

/** Fields of a record that hold words, and are sealed under their names. */
export const SEALED_FIELDS: ReadonlySet<string> = new Set([
  'request',
  'metadata',
  'webhook',
  'error',
  'output',
  'interrupts',
]);

/** @returns what seals and opens a job's words */
export function contentsOf(cipher: ContentCipher, ref: JobRef): PlaceCipher {
  return cipher.at(tenantOf(ref), `job ${ref}`);
}

/** @returns what an event is sealed under. Whoever ends a job need not know the id of the end, which there is once */
export function aboutEvent(id: EventId, type: StreamEventType): string {
  return isTerminal(type) ? type : `${id} ${type}`;
}

/** Seals events in place.
 *  @param pairs type, data (JSON) pairs, as append.lua expects them
 *  @param before seq of the event before the first */
export function sealPairs(sealer: Sealer, pairs: string[], attempt: number, before: number): void {
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const about = aboutEvent(eventId(attempt, before + 1 + i / 2), pairs[i] as StreamEventType);
    pairs[i + 1] = sealer.seal(pairs[i + 1] as string, about);
  }
}

/** @param fields name, value pairs of a record
 *  @returns the same with words sealed */
export function sealedFields(sealer: Sealer, fields: readonly string[]): string[] {
  return fields.map((value, place) => {
    const name = fields[place - 1] ?? '';
    return place % 2 === 1 && SEALED_FIELDS.has(name) ? sealer.seal(value, name) : value;
  });
}
