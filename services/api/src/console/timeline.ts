import type { EventId } from '@millrace/contracts';
import type { ReadableEvent } from '@millrace/stream-log';

/** The most entries that are shown of a log: the first and the last of them. */
const MAX_ENTRIES = 300;

/** One event, or a run of deltas of one kind, without its content. */
export interface TimelineEntry {
  readonly type: string;
  readonly from: EventId;
  readonly to: EventId;
  /** how many events */
  readonly count: number;
  /** of their data, bytes */
  readonly bytes: number;
  /** what is no content: names, numbers, codes */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The fields of each event that show nothing of what was said. Other fields, and other events, are left out. */
const FACTS: Readonly<Record<string, readonly string[]>> = {
  accepted: ['threadId'],
  started: ['attempt', 'model'],
  reset: ['attempt', 'reason'],
  message_start: ['messageId', 'node'],
  message_end: ['messageId', 'finishReason', 'usage'],
  tool_call_start: ['callId', 'name'],
  tool_call: ['callId', 'name'],
  tool_result: ['callId', 'name', 'isError'],
  custom: ['name'],
  state: ['mode', 'node'],
  interrupt: ['interruptId', 'node'],
  done: ['finishReason', 'usage', 'timings'],
  error: ['code', 'message', 'retryable'],
  cancelled: ['by'],
};
const DELTAS: ReadonlySet<string> = new Set(['text', 'reasoning', 'tool_call_delta']);

/** A log as a list of what happened, bounded, without content. */
export class Timeline {
  readonly #first: TimelineEntry[] = [];
  #last: TimelineEntry[] = [];
  #omitted = 0;
  #newest: EventId | null = null;

  /** @param events what follows in the log. Of one that cannot be read `data` is null */
  add(events: readonly ReadableEvent[]): void {
    for (const event of events) this.#add(event);
  }

  /** the last event that it has; null for none */
  get newest(): EventId | null {
    return this.#newest;
  }

  get view(): { readonly entries: readonly TimelineEntry[]; readonly omitted: number } {
    return { entries: [...this.#first, ...this.#last], omitted: this.#omitted };
  }

  #add({ id, type, data }: ReadableEvent): void {
    this.#newest = id;
    const bytes = Buffer.byteLength(data ?? '');
    const list = this.#last.length > 0 ? this.#last : this.#first;
    const before = list.at(-1);
    const isRun = data !== null && before?.facts['unreadable'] !== true;
    if (before?.type === type && DELTAS.has(type) && isRun) {
      list[list.length - 1] = { ...before, to: id, count: before.count + 1, bytes: before.bytes + bytes };
      return;
    }
    const entry = {
      type,
      from: id,
      to: id,
      count: 1,
      bytes,
      facts: data === null ? { unreadable: true } : factsOf(type, data),
    };
    if (this.#first.length < MAX_ENTRIES / 2) this.#first.push(entry);
    else this.#last.push(entry);
    if (this.#last.length > MAX_ENTRIES) {
      this.#omitted += MAX_ENTRIES / 2;
      this.#last = this.#last.slice(MAX_ENTRIES / 2);
    }
  }
}

function factsOf(type: string, data: string): Record<string, unknown> {
  const fields = FACTS[type];
  if (fields === undefined) return {};
  const content = JSON.parse(data) as Record<string, unknown>;
  const shown = fields.filter((field) => content[field] !== undefined).map((field) => [field, content[field]]);
  return Object.fromEntries(shown);
}
