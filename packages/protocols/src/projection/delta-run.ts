import type { StoredEvent } from '@millrace/contracts';
import { textIn } from './delta-line.ts';
import type { Progress } from './progress.ts';
import { frameAround } from './projection.ts';

/** What was told without a step. */
interface ToldRun<S> {
  readonly progress: Progress<S>;
  /** the frames */
  readonly text: string;
  /** how many events */
  readonly count: number;
}

/** Tells the events of a batch that go on with the last delta, from one on: the path of a token. Nothing is parsed.
 *  @returns null: that event needs a step */
export function tellRun<S>(before: Progress<S>, events: readonly StoredEvent[], from: number): ToldRun<S> | null {
  const { line } = before;
  if (line === null || !areOf(line, events[from] as StoredEvent, events[events.length - 1] as StoredEvent)) return null;
  const { continuation } = line;
  let { number } = before;
  let text = '';
  let said = '';
  let index = from;
  for (; index < events.length; index += 1) {
    const quoted = textIn(line, events[index] as StoredEvent);
    if (quoted === null) break;
    text += frameAround(continuation, quoted, number);
    said += quoted;
    number += 1;
  }
  if (index === from) return null;
  const { attempt, transcript } = before;
  const state = continuation.extend?.(before.state, said) ?? before.state;
  const { id: last } = events[index - 1] as StoredEvent;
  return {
    progress: { attempt, state, transcript: transcript.goOn(said), number, last, line },
    text,
    count: index - from,
  };
}

/** Whether all events from one to another are of the attempt: their ids ascend. */
function areOf({ attempt }: { readonly attempt: string }, first: StoredEvent, last: StoredEvent): boolean {
  return first.id.startsWith(attempt) && (first === last || last.id.startsWith(attempt));
}
