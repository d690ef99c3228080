import type { StreamedJob } from '../stream-format.ts';
import type { DeltaEvent, ReadEvent } from './read-event.ts';

/** What a step may know besides the state and the event. */
export interface StepContext {
  readonly job: StreamedJob;
  /** the number of the first frame of this step, for protocols that write it into their frames */
  readonly number: number;
}

export interface Step<S> {
  readonly state: S;
  /** whole frames as text, in order */
  readonly frames: readonly string[];
  /** breaks the connection off after the frames: the protocol cannot say how the answer ended */
  readonly aborts?: boolean;
}

/** A frame around the text of a delta as JSON has it. */
export interface DeltaFrame {
  /** what stands in the frame before its number; null: the frame has none */
  readonly beforeNumber: string | null;
  readonly before: string;
  readonly after: string;
  /** makes the whole frame, in a protocol whose frames have more than one number */
  readonly write?: (quoted: string, number: number) => string;
}

/** How deltas are told that go on with what is open: each in one frame. */
export interface Continuation<S> extends DeltaFrame {
  /** the state after some more text; left out: it stays the same */
  readonly extend?: (state: S, quoted: string) => S;
}

/** A protocol as a function of the log: the state folds the events of one attempt, and each event becomes frames.
 *
 *  A step depends on its arguments alone, so that every node and every replay gives the same frames, and all readers of a
 *  job share them. The end of the log, `done`, `error` or `cancelled`, is a step like any other.
 *  @typeParam S immutable: a step returns another one, or the same */
export interface Projection<S> {
  /** the value of the `Content-Type` header */
  readonly contentType: string;
  /** further headers of every answer about the stream */
  headers(job: StreamedJob): Readonly<Record<string, string>>;
  /** the state at the beginning of an attempt, before its `accepted` or `started` */
  initial(job: StreamedJob): S;
  /** @param event of a type that the protocol may not know
   *  @throws nothing that a log can cause */
  step(state: S, event: ReadEvent, context: StepContext): Step<S>;
  /** The quick way of a token: how all deltas of the kind and the ids of this one are told until another event comes. The
   *  frames and the state must be those of `step`.
   *  @param state in which `delta` goes on with what is open, or begins something
   *  @returns null: each of them needs a step */
  continuation?(state: S, delta: DeltaEvent, job: StreamedJob): Continuation<S> | null;
  /** Ends a stream whose reader was told what no longer holds.
   *  @param state as the reader knows it
   *  @returns the protocol's own error; no frames: the connection is broken off */
  diverged(state: S, context: StepContext): readonly string[];
  /** Instead of {@link diverged}, in a protocol that can take back what it said, where frames are counted from the log's
   *  beginning: the stream goes on with the new attempt.
   *  @param told as the reader knows it
   *  @param said what the new attempt has said so far
   *  @returns frames that make of the one the other */
  takeBack?(told: S, said: S, context: StepContext): Step<S>;
}

/** The step of a delta that goes on with what is open. */
export function goOn<S>(
  continuation: Continuation<S>,
  state: S,
  { quoted, number }: { readonly quoted: string; readonly number: number },
): Step<S> {
  return { state: continuation.extend?.(state, quoted) ?? state, frames: [frameAround(continuation, quoted, number)] };
}

export function frameAround(
  { beforeNumber, before, after, write }: DeltaFrame,
  quoted: string,
  number: number,
): string {
  if (write !== undefined) return write(quoted, number);
  if (beforeNumber === null) return `${before}${quoted}${after}`;
  return `${beforeNumber}${digitsOf(number)}${before}${quoted}${after}`;
}

/** Of the numbers that most frames have, made once: a third of a frame's cost. */
const DIGITS: string[] = [];
const MOST_FRAMES = 4_096;

function digitsOf(number: number): string {
  if (number >= MOST_FRAMES) return String(number);
  DIGITS[number] ??= String(number);
  return DIGITS[number];
}
