import { type EventId, eventPosition, LOG_START } from '@millrace/contracts';
import type { StreamedJob } from '../stream-format.ts';
import { type DeltaLine, lineOf } from './delta-line.ts';
import type { Projection } from './projection.ts';
import { isDeltaEvent, type ReadEvent } from './read-event.ts';
import { Transcript } from './transcript.ts';

/** Frames of an attempt are numbered from a multiple of this, so that numbers of different attempts never meet. */
export const FRAMES_PER_ATTEMPT = 1_000_000;

/** What has been folded of an attempt. Immutable; equal for all readers that are equally far. */
export interface Progress<S> {
  /** 1, 2, …; what came before the first worker belongs to attempt 1 */
  readonly attempt: number;
  readonly state: S;
  readonly transcript: Transcript;
  /** the number of the next frame */
  readonly number: number;
  /** the last event: who has folded the same one is equally far */
  readonly last: EventId;
  /** how deltas go on with the last one; null: the last event was none, or each needs a step */
  readonly line: DeltaLine<S> | null;
}

export interface Folded<S> {
  readonly progress: Progress<S>;
  readonly frames: readonly string[];
  readonly aborts: boolean;
}

/** @param number of the first frame */
export function beginning<S>(
  projection: Projection<S>,
  job: StreamedJob,
  { attempt, number }: { readonly attempt: number; readonly number: number },
): Progress<S> {
  return {
    attempt,
    state: projection.initial(job),
    transcript: Transcript.empty(),
    number,
    last: LOG_START,
    line: null,
  };
}

/** Folds one event. A `reset` began the attempt, and says nothing. */
export function fold<S>(
  projection: Projection<S>,
  job: StreamedJob,
  progress: Progress<S>,
  event: ReadEvent,
): Folded<S> {
  if (event.type === 'reset') return { progress: { ...progress, last: event.id }, frames: [], aborts: false };
  const { attempt, number } = progress;
  const { state, frames, aborts = false } = projection.step(progress.state, event, { job, number });
  const transcript = progress.transcript.add(event);
  const line =
    isDeltaEvent(event) && event.quoted !== '' ? lineOf(projection, state, { delta: event, attempt, job }) : null;
  const next = { attempt, state, transcript, number: number + frames.length, last: event.id, line };
  return { progress: next, frames, aborts };
}

/** The attempt that an event belongs to. */
export function attemptOf({ id }: ReadEvent): number {
  return Math.max(1, eventPosition(id).attempt);
}
