import { type DeltaForm, deltaForm, deltaHead, type StreamEvent } from '@millrace/contracts';

/** Longer text is stored as several events: it bounds what one page of a log can weigh. UTF-16 units. */
const MAX_TEXT_UNITS = 32_768;

/** A batch stays below this many events and, roughly, units, so that no single command is huge. */
const MAX_BATCH_EVENTS = 256;
const MAX_BATCH_UNITS = 512_000;

/** A delta stays text until its batch goes out, for more may be joined to it; everything else is JSON from the start. */
type Pending =
  | { readonly type: string; readonly head: string; text: string }
  | { readonly type: string; readonly json: string };

/** Events that wait to be stored. Adjacent text of one message becomes one event: the slower Redis answers, the fewer
 *  and larger they are. */
export class PendingEvents {
  #events: Pending[] = [];
  #units = 0;

  /** size of what waits, in UTF-16 units of text and JSON */
  get units(): number {
    return this.#units;
  }

  get empty(): boolean {
    return this.#events.length === 0;
  }

  /** @throws TypeError the event cannot be stored: thrown here, where the caller knows which event it was */
  add(event: StreamEvent): void {
    const form = deltaForm(event.type);
    if (form === undefined) this.#push({ type: event.type, json: JSON.stringify(event.data) });
    else this.#addDelta(event, form);
  }

  /** Removes the next batch, oldest first.
   *  @returns type, data (JSON) pairs, as append.lua expects them */
  nextBatch(): string[] {
    const pairs: string[] = [];
    let units = 0;
    let count = 0;
    for (const event of this.#events) {
      if (count > 0 && (pairs.length >= 2 * MAX_BATCH_EVENTS || units + weight(event) > MAX_BATCH_UNITS)) break;
      for (const json of jsonOf(event)) pairs.push(event.type, json);
      units += weight(event);
      count += 1;
    }
    this.#events.splice(0, count);
    this.#units -= units;
    return pairs;
  }

  clear(): void {
    this.#events = [];
    this.#units = 0;
  }

  #addDelta({ type, data }: StreamEvent, form: DeltaForm): void {
    const text: unknown = (data as Readonly<Record<string, unknown>>)[form.field];
    if (typeof text !== 'string') throw new TypeError(`the text of a "${type}" event is not a string`);
    const head = deltaHead(form, data);
    const last = this.#events.at(-1);
    if (last === undefined || last.type !== type || !('text' in last) || last.head !== head) {
      this.#push({ type, head, text });
      return;
    }
    last.text += text;
    this.#units += text.length;
  }

  #push(event: Pending): void {
    this.#events.push(event);
    this.#units += weight(event);
  }
}

function weight(event: Pending): number {
  return 'text' in event ? event.text.length : event.json.length;
}

function* jsonOf(event: Pending): Iterable<string> {
  if (!('text' in event)) {
    yield event.json;
    return;
  }
  const { head, text } = event;
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + MAX_TEXT_UNITS, text.length);
    // never between the two halves of a surrogate pair
    if (end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end -= 1;
    yield `${head}${JSON.stringify(text.slice(start, end))}}`;
    start = end;
  }
}
