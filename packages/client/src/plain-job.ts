import type { Connection } from './connection.ts';
import { AnswerChanged, JobCancelled, JobFailed } from './errors.ts';
import { isTerminal, type JobEvent } from './job-event.ts';
import type { JobView } from './job-view.ts';
import { type Link, resumedEvents, type WatchOptions } from './resumed-events.ts';
import { type CallOptions, pathOf, withQuery } from './transport.ts';

/** What survives a reload: `JSON.stringify(job)`, then `millrace.jobs.resume(JSON.parse(text))`. */
export interface JobReference {
  readonly id: string;
  /** the event after which to resume; null: from the beginning */
  readonly lastEventId: string | null;
}

export interface GetOptions extends CallOptions {
  /** the costly fields to include; only the text when left out */
  readonly include?: readonly ('text' | 'messages')[];
}

export interface TextOptions extends WatchOptions {
  /** called when a new attempt starts the answer again: discard all text so far. Without it the reader of a text that cannot be
   *  taken back hears nothing of a new attempt that says the same, and gets AnswerChanged at the first difference */
  readonly onRestart?: () => void;
}

/** Where a handle begins, and how it reads. */
export type JobStart = JobReference & { readonly first?: Connection | null; readonly watch?: WatchOptions };

/** A job, over as many connections as it takes: a body that ends without a terminal event is resumed after the last event
 *  seen, so there is no gap and no repeat. Each of `events`, `text`, `answer` and `wait` reads the whole stream, from
 *  where this handle begins. Leaving a loop, or aborting a signal, detaches: the job continues, unless you `cancel` it.
 *  A job from `create` holds its connection from the start: read it, or `close` it.
 *  @see PROTOCOL.md §4 */
export class PlainJob implements AsyncIterable<JobEvent> {
  private first: Connection | null;
  private seen: string | null;

  constructor(
    private readonly link: Link,
    private readonly start: JobStart,
  ) {
    this.first = start.first ?? null;
    this.seen = start.lastEventId;
  }

  /** the request id: use it to resume or watch the job from anywhere */
  get id(): string {
    return this.start.id;
  }

  /** The event after which to resume: the last one delivered; null: none yet. */
  get lastEventId(): string | null {
    return this.seen;
  }

  toJSON(): JobReference {
    return { id: this.id, lastEventId: this.seen };
  }

  [Symbol.asyncIterator](): AsyncGenerator<JobEvent, void, undefined> {
    return this.events();
  }

  /** Every event, the terminal one last. A failed or cancelled job is an event here, not an exception.
   *  @throws MillraceError the server refuses, or is unreachable for too long
   *  @throws the signal's reason */
  async *events(options: WatchOptions = {}): AsyncGenerator<JobEvent, void, undefined> {
    const { first, start } = this;
    this.first = null;
    const path = pathOf('jobs', this.id, '/stream');
    const reading = { ...start.watch, ...options, path, first, lastEventId: start.lastEventId };
    for await (const event of resumedEvents(this.link, reading)) {
      this.seen = event.id;
      yield event;
      if (isTerminal(event)) return;
    }
  }

  /** The answer piece by piece, without reasoning or tools: the pieces together are the exact answer.
   *  @throws MillraceError as above; JobFailed, JobCancelled; AnswerChanged unless there is `onRestart` */
  async *text({ onRestart, ...options }: TextOptions = {}): AsyncGenerator<string, void, undefined> {
    // what the caller has, and how much of it the attempt of the moment has said
    let given = '';
    let covered = 0;
    let isKnown = this.start.lastEventId === null;
    for await (const event of successful(this.id, this.events(options))) {
      if (event.type === 'reset') {
        if (onRestart !== undefined) {
          [given, isKnown] = ['', true];
          onRestart();
        }
        // a handle that begins midway does not know what its caller has
        if (!isKnown) throw new AnswerChanged(this.id);
        covered = 0;
      }
      if (event.type === 'text') {
        const { text } = event.data;
        const again = covered < given.length ? given.slice(covered, covered + text.length) : '';
        if (!text.startsWith(again)) throw new AnswerChanged(this.id);
        covered += text.length;
        const more = text.slice(again.length);
        given += more;
        if (more !== '') yield more;
      }
      if (event.type === 'done' && covered < given.length) throw new AnswerChanged(this.id);
    }
  }

  /** The whole text, once it is complete.
   *  @throws MillraceError like `text` */
  async answer(options: WatchOptions = {}): Promise<string> {
    let pieces: string[] = [];
    const onRestart = () => {
      pieces = [];
    };
    for await (const piece of this.text({ ...options, onRestart })) pieces.push(piece);
    return pieces.join('');
  }

  /** Waits for the end, however the job ends.
   *  @returns what `get` returns then
   *  @throws MillraceError like `events` */
  async wait({ include, ...options }: WatchOptions & GetOptions = {}): Promise<JobView> {
    for await (const event of this.events(options)) if (isTerminal(event)) break;
    return this.get({ ...options, ...(include === undefined ? {} : { include }) });
  }

  /** The job as it stands.
   *  @throws NotFound */
  get({ signal, include }: GetOptions = {}): Promise<JobView> {
    const path = withQuery(pathOf('jobs', this.id), { include });
    return this.link.transport.json({ method: 'GET', path, signal });
  }

  /** Cancels the job; cancelling twice is the same as cancelling once.
   *  @returns the cancelled job
   *  @throws Conflict `JOB_FINISHED`; NotFound */
  cancel({ signal }: CallOptions = {}): Promise<JobView> {
    return this.link.transport.json({ method: 'DELETE', path: pathOf('jobs', this.id), signal });
  }

  /** Erases a job that has ended: its record, log and metadata. What its thread keeps, stays.
   *  @throws Conflict `JOB_RUNNING`; NotFound, AccessDenied */
  async erase({ signal }: CallOptions = {}): Promise<void> {
    await this.link.transport.send({ method: 'DELETE', path: pathOf('jobs', this.id, '/data'), signal });
  }

  /** Closes the connection of a job that will not be read. The job continues. */
  async close(): Promise<void> {
    await this.first?.close();
    this.first = null;
  }
}

/** The events of a job, of which a bad end is an error. */
export async function* successful(
  id: string,
  events: AsyncIterable<JobEvent>,
): AsyncGenerator<JobEvent, void, undefined> {
  for await (const event of events) {
    if (event.type === 'error') throw new JobFailed(event.data, id);
    if (event.type === 'cancelled') throw new JobCancelled(event.data.by, id);
    yield event;
  }
}
