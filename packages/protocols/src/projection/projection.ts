import type { StreamedJob } from '../stream-format.ts';
import type { ReadEvent } from './read-event.ts';

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
  /** Ends a stream whose reader was told what no longer holds.
   *  @param state as the reader knows it
   *  @returns the protocol's own error; no frames: the connection is broken off */
  diverged(state: S, context: StepContext): readonly string[];
}
