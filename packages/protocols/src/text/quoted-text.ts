import type { StoredEvent } from '@millrace/contracts';

// a delta as it is written today; another worker's may have more fields. Linear: nothing in it can match in two ways
const TEXT_ALONE = /^\{"text":"[^"\\]*(?:\\.[^"\\]*)*"\}$/;

/** The text of a delta as it stands between the quotes of JSON. These can be joined: to parse and write each delta again
 *  costs three times as much (0.3 µs to 0.1 µs for a token). Halves of a character are escaped, and stay so; joined, they
 *  are the character.
 *  @param delta an event `text` or `reasoning` */
export function quotedText({ data }: StoredEvent): string {
  if (TEXT_ALONE.test(data)) return data.slice('{"text":"'.length, -'"}'.length);
  return JSON.stringify((JSON.parse(data) as { text: string }).text).slice(1, -1);
}
