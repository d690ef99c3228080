import { compareEventIds, type EventId, type StoredEvent, type StreamEventType } from '@millrace/contracts';

/** Events that belong together: one publish, or one page of the log. All subscribers of a job in a process share the
 *  object, so an encoder can keep its bytes on it. */
export interface EventBatch {
  /** the event before the first of this batch: any other means a gap */
  readonly prev: EventId;
  readonly last: EventId;
  /** of the attempt that wrote it, as the script published it; null for what was read from the log, which has no
   *  tokens */
  readonly leaseToken: string | null;
  /** when the first of its events was stored, ms since the epoch by Redis's clock; null for what was read from the log, which
   *  has no times */
  readonly storedAt: number | null;
  /** at least one */
  readonly events: readonly StoredEvent[];
  /** a full page of a long backlog: adjacent deltas may be merged into larger frames */
  readonly replay: boolean;
}

/** Parses what a script published: the id before, the lease token and the time (µs), then a line per event. */
export function parsePayload(payload: string): EventBatch {
  const [head = '', ...lines] = payload.split('\n');
  // the release before gives no time
  const [prev, leaseToken = null, micros] = head.split(' ');
  const storedAt = micros === undefined ? null : Number(micros) / 1_000;
  return { ...batchOf(prev as EventId, lines.map(parseLine), false), leaseToken, storedAt };
}

/** Parses what `page.lua` returns: a line per event, nothing when there is none. */
export function parseLines(lines: string): StoredEvent[] {
  return lines === '' ? [] : lines.split('\n').map(parseLine);
}

/** @param events at least one */
export function batchOf(prev: EventId, events: readonly StoredEvent[], replay: boolean): EventBatch {
  const last = events.at(-1);
  if (last === undefined) throw new RangeError('a batch has at least one event');
  return { prev, last: last.id, leaseToken: null, storedAt: null, events, replay };
}

/** Joins batches of one attempt that follow on each other. All others stay as they are. */
export function joinBatches(batches: readonly EventBatch[]): readonly EventBatch[] {
  if (batches.length < 2) return batches;
  const groups: EventBatch[][] = [];
  for (const batch of batches) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    if (group !== undefined && before?.last === batch.prev && before.leaseToken === batch.leaseToken) group.push(batch);
    else groups.push([batch]);
  }
  return groups.map(joinGroup);
}

/** @returns the part of `batch` that comes after `id`, which its last event does */
export function batchAfter(batch: EventBatch, id: EventId): EventBatch {
  const events = batch.events.filter((event) => compareEventIds(event.id, id) > 0);
  return { ...batchOf(id, events, batch.replay), leaseToken: batch.leaseToken, storedAt: batch.storedAt };
}

function joinGroup([first, ...rest]: readonly EventBatch[]): EventBatch {
  if (first === undefined) throw new RangeError('a group has at least one batch');
  if (rest.length === 0) return first;
  const events = [first, ...rest].flatMap((batch) => batch.events);
  return { ...batchOf(first.prev, events, false), leaseToken: first.leaseToken, storedAt: first.storedAt };
}

/** A line is `<id> <type> <data>`: JSON has no raw line feed, and neither ids nor types have a space. */
function parseLine(line: string): StoredEvent {
  const afterId = line.indexOf(' ');
  const afterType = line.indexOf(' ', afterId + 1);
  return {
    id: line.slice(0, afterId) as EventId,
    type: line.slice(afterId + 1, afterType) as StreamEventType,
    data: line.slice(afterType + 1),
  };
}
