import type { StreamEvent } from '@millrace/contracts';

/** Longer text is stored as several events: it bounds what one page of a log can weigh. UTF-16 units. */
const MAX_TEXT_UNITS = 32_768;

/** A batch stays below this many events and, roughly, units, so that no single command is huge. */
const MAX_BATCH_EVENTS = 256;
const MAX_BATCH_UNITS = 512_000;

/** Events said and not yet stored. Adjacent text becomes one event: fewer and larger ones the slower Redis answers. */
export class PendingEvents {
  #events: StreamEvent[] = [];
  #units = 0;

  /** what waits, in UTF-16 units of text and arguments */
  get units(): number {
    return this.#units;
  }

  get empty(): boolean {
    return this.#events.length === 0;
  }

  add(event: StreamEvent): void {
    this.#units += weight(event);
    const last = this.#events.at(-1);
    if (last !== undefined && (event.type === 'text' || event.type === 'reasoning') && last.type === event.type) {
      this.#events[this.#events.length - 1] = { type: event.type, data: { text: last.data.text + event.data.text } };
    } else {
      this.#events.push(event);
    }
  }

  /** Takes the next batch, oldest first.
   *  @returns type, data (JSON) pairs, as append.lua wants them */
  take(): string[] {
    const pairs: string[] = [];
    let units = 0;
    let taken = 0;
    for (const event of this.#events) {
      if (taken > 0 && (pairs.length >= 2 * MAX_BATCH_EVENTS || units + weight(event) > MAX_BATCH_UNITS)) break;
      for (const part of parts(event)) pairs.push(part.type, JSON.stringify(part.data));
      units += weight(event);
      taken += 1;
    }
    this.#events.splice(0, taken);
    this.#units -= units;
    return pairs;
  }

  clear(): void {
    this.#events = [];
    this.#units = 0;
  }
}

function weight(event: StreamEvent): number {
  switch (event.type) {
    case 'text':
    case 'reasoning':
      return event.data.text.length;
    case 'tool_call':
      return event.data.arguments.length;
    case 'tool_result':
      return event.data.content.length;
    default:
      return 0;
  }
}

function* parts(event: StreamEvent): Iterable<StreamEvent> {
  if ((event.type !== 'text' && event.type !== 'reasoning') || event.data.text.length <= MAX_TEXT_UNITS) {
    yield event;
    return;
  }
  const { text } = event.data;
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + MAX_TEXT_UNITS, text.length);
    // never between the two halves of a surrogate pair
    if (end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end -= 1;
    yield { type: event.type, data: { text: text.slice(start, end) } };
    start = end;
  }
}
