import { type DeltaForm, deltaForm, partsOfDelta, type StoredEvent } from '@millrace/contracts';

// A merged frame stays small enough for a client to show progress while it receives a long backlog.
const MAX_MERGED_CHARS = 16_384;

/** Adjacent deltas of one thing. */
interface Run {
  readonly first: StoredEvent;
  readonly form: DeltaForm;
  last: StoredEvent;
  chars: number;
  /** null while the run is a single delta, which stays unchanged */
  joined: { readonly head: string; text: string } | null;
}

/** Joins adjacent deltas of one kind and one message, for a reader that is behind: ten thousand deltas become a few
 *  large frames. A merged delta has the id of its last event, so a client cut off after it resumes without gap or
 *  repeat.
 *  Nothing is merged across an event of another kind.
 *  @see PROTOCOL.md §3 */
export function mergeDeltas(events: readonly StoredEvent[]): StoredEvent[] {
  const merged: StoredEvent[] = [];
  let run: Run | null = null;
  for (const event of events) {
    if (run !== null && joins(run, event)) continue;
    if (run !== null) merged.push(eventOf(run));
    const form = deltaForm(event.type);
    run = form === undefined ? null : { first: event, form, last: event, chars: event.data.length, joined: null };
    if (run === null) merged.push(event);
  }
  if (run !== null) merged.push(eventOf(run));
  return merged;
}

/** Adds an event to a run, if it continues the run. */
function joins(run: Run, event: StoredEvent): boolean {
  if (event.type !== run.first.type || run.chars + event.data.length > MAX_MERGED_CHARS) return false;
  const { head, quoted } = partsOfDelta(run.form, event.data);
  if (run.joined === null) {
    const first = partsOfDelta(run.form, run.first.data);
    if (first.head !== head) return false;
    run.joined = { head, text: first.quoted };
  }
  if (run.joined.head !== head) return false;
  run.joined.text += quoted;
  run.last = event;
  run.chars += event.data.length;
  return true;
}

function eventOf({ last, joined }: Run): StoredEvent {
  return joined === null ? last : { id: last.id, type: last.type, data: `${joined.head}"${joined.text}"}` };
}
