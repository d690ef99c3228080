import { compareEventIds, type EventId, type StoredEvent, type StreamEventType } from '@millrace/contracts';

/** Events that belong together: one publish, or one page of the log. Shared by all who follow a job in a process,
 *  so that whoever encodes it can keep the bytes beside it. */
export interface EventBatch {
  /** the event before the first of this batch: another one means a gap */
  readonly prev: EventId;
  readonly last: EventId;
  /** who ran the job, as the script knew it; null where the log was read, which does not say */
  readonly runner: string | null;
  /** at least one */
  readonly events: readonly StoredEvent[];
  /** a full page of a long backlog: adjacent deltas may be merged into larger frames */
  readonly replay: boolean;
}

/** Reads what a script published: the id before and the runner, then a line per event. */
export function parsePayload(payload: string): EventBatch {
  const [head = '', ...lines] = payload.split('\n');
  const [prev, runner = null] = head.split(' ');
  return { ...batchOf(prev as EventId, lines.map(parseLine), false), runner };
}

/** Reads what `page.lua` returns: a line per event, nothing where there is none. */
export function parseLines(lines: string): StoredEvent[] {
  return lines === '' ? [] : lines.split('\n').map(parseLine);
}

/** @param events at least one */
export function batchOf(prev: EventId, events: readonly StoredEvent[], replay: boolean): EventBatch {
  const last = events.at(-1);
  if (last === undefined) throw new RangeError('a batch has at least one event');
  return { prev, last: last.id, runner: null, events, replay };
}

/** Makes one batch of those that follow on each other. What does not is left as it is. */
export function joined(batches: readonly EventBatch[]): readonly EventBatch[] {
  if (batches.length < 2) return batches;
  const runs: EventBatch[][] = [];
  for (const batch of batches) {
    const run = runs.at(-1);
    const before = run?.at(-1);
    if (run !== undefined && before?.last === batch.prev && before.runner === batch.runner) run.push(batch);
    else runs.push([batch]);
  }
  return runs.map(joinedRun);
}

/** @returns the part of `batch` that comes after `id`, which its last event does */
export function batchAfter(batch: EventBatch, id: EventId): EventBatch {
  const events = batch.events.filter((event) => compareEventIds(event.id, id) > 0);
  return { ...batchOf(id, events, batch.replay), runner: batch.runner };
}

function joinedRun([first, ...rest]: readonly EventBatch[]): EventBatch {
  if (first === undefined) throw new RangeError('a run has at least one batch');
  if (rest.length === 0) return first;
  const events = [first, ...rest].flatMap((batch) => batch.events);
  return { ...batchOf(first.prev, events, false), runner: first.runner };
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
