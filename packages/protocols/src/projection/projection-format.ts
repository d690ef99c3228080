import {
  compareEventIds,
  type EventId,
  eventPosition,
  isEventId,
  isTerminal,
  LOG_START,
  type StoredEvent,
} from '@millrace/contracts';
import { mergeDeltas } from '../merge-deltas.ts';
import type {
  CursorKind,
  EncodableBatch,
  Encoded,
  LogPosition,
  StreamEncoder,
  StreamedJob,
  StreamFormat,
} from '../stream-format.ts';
import { tellRun } from './delta-run.ts';
import { attemptOf, beginning, FRAMES_PER_ATTEMPT, fold, type Progress } from './progress.ts';
import type { Projection } from './projection.ts';
import { isDeltaEvent, type ReadEvent, readEvent, readEventAt, startOfDelta, withoutStart } from './read-event.ts';

/** How the readers of a protocol resume:
 *  - `none`: not at all.
 *  - `event`: after a stored event, whose id stands in its frame.
 *  - `attempt-frame`: after a numbered frame. The frames of attempt n have the numbers from (n-1) · 1,000,000 on.
 *  - `frame`: at the n-th frame since the beginning of the log, counted from 0. */
export type ProjectionCursor = 'none' | 'event' | 'attempt-frame' | 'frame';

const KINDS: Readonly<Record<ProjectionCursor, CursorKind>> = {
  none: 'none',
  event: 'event',
  'attempt-frame': 'frame',
  frame: 'frame',
};
const NUMBER = /^(0|[1-9]\d{0,14})$/;
const HEARTBEAT = Buffer.from(': hb\n');

export interface ProjectionOptions {
  readonly cursor: ProjectionCursor;
  /** null: this protocol cannot say "still here"; a comment line of SSE unless given */
  readonly heartbeat?: Buffer | null;
  /** whether clients take a clean end of the body for success; true unless given */
  readonly cleanEndMeansSuccess?: boolean;
}

/** The stream of a protocol that cannot take back what it said, made from its {@link Projection}.
 *
 *  After a `reset`, a reader is told nothing until the new attempt has said what the reader knows; from there on it hears
 *  the rest. At a difference the stream ends in the protocol's own error (law 19).
 *
 *  Make one for each set of options, not for each request: frames are cached on the batch, for each format. */
export class ProjectionFormat<S> implements StreamFormat {
  readonly contentType: string;

  constructor(
    readonly projection: Projection<S>,
    readonly options: ProjectionOptions,
  ) {
    this.contentType = projection.contentType;
  }

  headers(job: StreamedJob): Readonly<Record<string, string>> {
    return this.projection.headers(job);
  }

  positionOf(cursor: string): LogPosition | null {
    switch (this.options.cursor) {
      case 'none':
        return null;
      case 'event':
        if (!isEventId(cursor)) return null;
        return { after: startOfAttempt(eventPosition(cursor).attempt), skip: 0, through: cursor };
      case 'attempt-frame': {
        if (!NUMBER.test(cursor)) return null;
        const attempt = Math.floor(Number(cursor) / FRAMES_PER_ATTEMPT) + 1;
        return { after: startOfAttempt(attempt), skip: Number(cursor) + 1 };
      }
      case 'frame':
        return NUMBER.test(cursor) ? { after: LOG_START, skip: Number(cursor) } : null;
    }
  }

  connect(job: StreamedJob, from?: LogPosition): StreamEncoder {
    return new ProjectionEncoder(this, job, from);
  }
}

/** What a format made of a batch, for readers who are as far as `before`. */
interface Made<S> {
  readonly before: Progress<S>;
  readonly after: Progress<S>;
  readonly encoded: Encoded;
}

/** Cached on the batch itself, for the readers who come next: by format. One key for all of them, because a key that differs
 *  from call to call costs as much as a frame. */
const MADE = Symbol('frames of projections');

interface MadeOf {
  readonly format: object;
  /** a {@link Made} of that format's state */
  made: object;
  readonly next: MadeOf | undefined;
}

interface SharedBatch extends EncodableBatch {
  [MADE]?: MadeOf | undefined;
}

class ProjectionEncoder<S> implements StreamEncoder {
  readonly canReset = false;
  readonly cleanEndMeansSuccess: boolean;
  readonly cursor: CursorKind;
  readonly begins: 'log' | 'attempt';
  readonly opening = null;
  readonly heartbeat: Buffer | null;
  readonly retry = () => null;
  readonly #format: ProjectionFormat<S>;
  readonly #job: StreamedJob;
  /** null: before the first event */
  #progress: Progress<S> | null = null;
  /** what the reader was told by earlier attempts, until this one has said it again */
  #owed: Progress<S> | null = null;
  /** the reader has the events up to this one */
  #through: EventId | null;
  /** the reader has the frames before this number */
  readonly #skip: number;
  #outcome: Encoded['outcome'] = 'continue';

  constructor(format: ProjectionFormat<S>, job: StreamedJob, from: LogPosition | undefined) {
    const { cursor, heartbeat = HEARTBEAT, cleanEndMeansSuccess = true } = format.options;
    this.#format = format;
    this.#job = job;
    this.#through = from?.through ?? null;
    this.#skip = from?.skip ?? 0;
    this.cursor = KINDS[cursor];
    this.begins = cursor === 'frame' ? 'log' : 'attempt';
    this.heartbeat = heartbeat;
    this.cleanEndMeansSuccess = cleanEndMeansSuccess;
  }

  encode(batch: EncodableBatch): Encoded {
    if (this.#outcome !== 'continue') return { bytes: null, outcome: this.#outcome };
    return this.#encodeShared(batch) ?? this.#encodeAlone(batch);
  }

  /** For a reader who hears all that an attempt says: the bytes are the same for everyone who is equally far.
   *  @returns null for another reader, or a batch with the beginning of an attempt */
  #encodeShared(batch: SharedBatch): Encoded | null {
    const first = batch.events[0];
    if (first === undefined || this.#owed !== null || this.#through !== null) return null;
    const progress = this.#progress ?? this.#beginningOf(readEvent(first));
    if (progress.number < this.#skip) return null;
    let entry = batch[MADE];
    while (entry !== undefined && entry.format !== this.#format) entry = entry.next;
    const known = entry?.made as Made<S> | undefined;
    if (known !== undefined && isEquallyFar(known.before, progress)) return this.#take(known);
    const made = this.#make(batch, progress);
    if (made === null) return null;
    if (entry === undefined) batch[MADE] = { format: this.#format, made, next: batch[MADE] };
    else entry.made = made;
    return this.#take(made);
  }

  #take({ after, encoded }: Made<S>): Encoded {
    this.#progress = after;
    this.#outcome = encoded.outcome;
    return encoded;
  }

  #make(batch: EncodableBatch, before: Progress<S>): Made<S> | null {
    const { projection, options } = this.#format;
    const isMerged = batch.replay && (options.cursor === 'none' || options.cursor === 'event');
    const events = isMerged ? mergeDeltas(batch.events) : batch.events;
    let after = before;
    let text = '';
    let outcome: Encoded['outcome'] = 'continue';
    for (let index = 0; index < events.length && outcome === 'continue'; ) {
      const run = tellRun(after, events, index);
      if (run !== null) {
        after = run.progress;
        text += run.text;
        index += run.count;
        continue;
      }
      const event = isMerged ? readEvent(events[index] as StoredEvent) : readEventAt(batch, index);
      if (beginsAttempt(event, after)) return null;
      const { progress, frames, aborts } = fold(projection, this.#job, after, event);
      after = progress;
      for (const frame of frames) text += frame;
      outcome = endOf(event, aborts);
      index += 1;
    }
    return { before, after, encoded: { bytes: bytesOf(text), outcome } };
  }

  #encodeAlone(batch: EncodableBatch): Encoded {
    let text = '';
    for (let index = 0; index < batch.events.length && this.#outcome === 'continue'; index += 1) {
      text += this.#say(readEventAt(batch, index));
    }
    return { bytes: bytesOf(text), outcome: this.#outcome };
  }

  /** @returns the frames that this reader gets for the event */
  #say(event: ReadEvent): string {
    if (this.#progress === null) this.#progress = this.#beginningOf(event);
    else if (beginsAttempt(event, this.#progress)) this.#beginAttempt(event, this.#progress);
    if (this.#through !== null) return this.#pass(event, this.#through);
    return this.#owed === null ? this.#fold(event) : this.#sayAgain(event, this.#owed);
  }

  /** Folds an event that the reader has. */
  #pass(event: ReadEvent, through: EventId): string {
    const order = compareEventIds(event.id, through);
    // the log no longer has what the reader was told last
    if (order > 0 || (order < 0 && isTerminal(event.type))) return this.#diverge(this.#progress as Progress<S>);
    if (order === 0) this.#through = null;
    this.#fold(event);
    return '';
  }

  #fold(event: ReadEvent, from = this.#progress as Progress<S>): string {
    const { progress, frames, aborts } = fold(this.#format.projection, this.#job, from, event);
    this.#progress = progress;
    this.#outcome = endOf(event, aborts);
    return this.#unsent(frames, from.number);
  }

  /** The text of frames, without those that the reader has. */
  #unsent(frames: readonly string[], number: number): string {
    return frames.slice(Math.max(0, this.#skip - number)).join('');
  }

  #beginAttempt(event: ReadEvent, told: Progress<S>): void {
    // a reader who waits for the repetition of one attempt waits on for the same in the next
    this.#owed ??= told;
    this.#progress = this.#beginningOf(event, told);
  }

  #beginningOf(event: ReadEvent, told?: Progress<S>): Progress<S> {
    const { projection, options } = this.#format;
    const attempt = Math.max(attemptOf(event), told?.attempt ?? 1);
    const number = options.cursor === 'frame' ? (told?.number ?? 0) : (attempt - 1) * FRAMES_PER_ATTEMPT;
    return beginning(projection, this.#job, { attempt, number });
  }

  /** An event of an attempt that has not yet said what the reader was told. */
  #sayAgain(event: ReadEvent, owed: Progress<S>): string {
    const before = this.#progress as Progress<S>;
    if (event.type === 'error' || event.type === 'cancelled') {
      // how the job ended is told to a reader as far as it is
      this.#owed = null;
      return this.#fold(event, owed);
    }
    const after = before.transcript.add(event);
    if (after !== before.transcript || event.type === 'done') {
      if (before.transcript.equals(owed.transcript)) return this.#goOn(event, owed);
      if (after.length > owed.transcript.length || event.type === 'done') return this.#goOnMidway(event, owed);
    }
    this.#hush(event);
    return '';
  }

  /** Folds an event that the reader is not told. */
  #hush(event: ReadEvent): void {
    const from = this.#progress as Progress<S>;
    this.#fold(event);
    if (this.#format.options.cursor === 'frame')
      this.#progress = { ...this.#progress, number: from.number } as Progress<S>;
  }

  /** The reader knows all that came before the event. */
  #goOn(event: ReadEvent, owed: Progress<S>): string {
    this.#owed = null;
    if (this.#format.options.cursor === 'frame')
      this.#progress = { ...this.#progress, number: owed.number } as Progress<S>;
    return this.#fold(event);
  }

  /** The reader knows a part of the event, or something else. */
  #goOnMidway(event: ReadEvent, owed: Progress<S>): string {
    const before = this.#progress as Progress<S>;
    if (!isDeltaEvent(event)) return this.#differ(event, owed);
    const chars = before.transcript.charsUpTo(owed.transcript.length, event);
    if (chars <= 0) return this.#differ(event, owed);
    const known = fold(this.#format.projection, this.#job, before, startOfDelta(event, chars)).progress;
    if (!known.transcript.equals(owed.transcript)) return this.#differ(event, owed);
    this.#owed = null;
    const rest = withoutStart(event, chars);
    if (this.#format.options.cursor === 'frame') return this.#fold(rest, { ...known, number: owed.number });
    // the last frame has the number that it has for everyone else
    const whole = fold(this.#format.projection, this.#job, before, event);
    const { frames } = fold(this.#format.projection, this.#job, known, rest);
    return this.#fold(rest, { ...known, number: whole.progress.number - frames.length });
  }

  /** The event, or what came before it, is not what the reader was told. */
  #differ(event: ReadEvent, told: Progress<S>): string {
    const { projection } = this.#format;
    if (projection.takeBack === undefined) return this.#diverge(told);
    const before = this.#progress as Progress<S>;
    const { number } = told;
    const { state, frames } = projection.takeBack(told.state, before.state, { job: this.#job, number });
    this.#owed = null;
    const from = { ...before, state, number: number + frames.length, line: null };
    return this.#unsent(frames, number) + this.#fold(event, from);
  }

  #diverge(told: Progress<S>): string {
    const { projection } = this.#format;
    const frames = projection.diverged(told.state, { job: this.#job, number: told.number });
    this.#outcome = frames.length === 0 ? 'abort' : 'end';
    return this.#unsent(frames, told.number);
  }
}

/** Whether an event is the first of a new attempt. */
function beginsAttempt(event: ReadEvent, { attempt }: { readonly attempt: number }): boolean {
  return event.type === 'reset' || attemptOf(event) > attempt;
}

function isEquallyFar<S>(one: Progress<S>, other: Progress<S>): boolean {
  return one === other || (one.last === other.last && one.attempt === other.attempt);
}

function endOf({ type }: ReadEvent, aborts: boolean): Encoded['outcome'] {
  if (aborts) return 'abort';
  return isTerminal(type) ? 'end' : 'continue';
}

/** The position before the first event of an attempt. */
function startOfAttempt(attempt: number): EventId {
  return attempt > 1 ? `${attempt}-0` : LOG_START;
}

function bytesOf(text: string): Buffer | null {
  return text === '' ? null : Buffer.from(text);
}
