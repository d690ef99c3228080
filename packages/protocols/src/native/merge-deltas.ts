import type { StoredEvent } from '@millrace/contracts';
import { quotedText } from '../text/quoted-text.ts';

// A merged frame stays small enough for a client to show progress while a long backlog comes in.
const MAX_MERGED_CHARS = 16_384;

/** Joins adjacent deltas of one kind, for a reader that is behind: ten thousand deltas become a few large frames.
 *  A merged delta has the id of its last event, so a client that is cut after it resumes without gap or repeat.
 *  Nothing is merged across an event of another kind.
 *  @see PROTOCOL.md §3 */
export function mergeDeltas(events: readonly StoredEvent[]): StoredEvent[] {
  const merged: StoredEvent[] = [];
  let run: StoredEvent[] = [];
  let runChars = 0;
  const endRun = () => {
    if (run.length > 0) merged.push(joined(run));
    run = [];
    runChars = 0;
  };
  for (const event of events) {
    if (run[0]?.type !== event.type || runChars + event.data.length > MAX_MERGED_CHARS) endRun();
    if (isDelta(event)) {
      run.push(event);
      runChars += event.data.length;
    } else {
      merged.push(event);
    }
  }
  endRun();
  return merged;
}

function isDelta(event: StoredEvent): boolean {
  return event.type === 'text' || event.type === 'reasoning';
}

function joined(run: readonly StoredEvent[]): StoredEvent {
  const last = run.at(-1);
  if (last === undefined) throw new RangeError('a run of deltas has at least one');
  if (run.length === 1) return last;
  return { id: last.id, type: last.type, data: `{"text":"${run.map(quotedText).join('')}"}` };
}
