import { MillraceError } from './errors.ts';
import type { Job } from './job.ts';
import type { JobEvent } from './job-event.ts';
import type { NewJob } from './job-view.ts';
import type { CreateOptions, Jobs } from './jobs.ts';
import { type Link, resumedEvents, type WatchOptions } from './resumed-events.ts';
import type { CheckpointPage, ForkOptions, PageFilter, ThreadMessagePage, ThreadView } from './thread-view.ts';
import { type CallOptions, pathOf, withQuery } from './transport.ts';

/** One event of a thread: an event of one of its jobs. `id` is opaque: keep the last one to resume after it. */
export type ThreadEvent = JobEvent & { readonly jobId: string };

/** What survives a reload: `JSON.stringify(thread)`, then `millrace.threads.resume(JSON.parse(text))`. */
export interface ThreadReference {
  readonly id: string;
  /** the event after which to resume; null: from now on */
  readonly lastEventId: string | null;
}

/** A conversation on the server. @see PROTOCOL.md §10 */
export class Thread implements AsyncIterable<ThreadEvent> {
  private seen: string | null;

  constructor(
    private readonly link: Link,
    private readonly jobs: Jobs,
    private readonly start: ThreadReference,
  ) {
    this.seen = start.lastEventId;
  }

  get id(): string {
    return this.start.id;
  }

  /** The event after which to resume: the last one delivered; null: none yet. */
  get lastEventId(): string | null {
    return this.seen;
  }

  toJSON(): ThreadReference {
    return { id: this.id, lastEventId: this.seen };
  }

  /** Asks the next question, and makes the thread if it is new.
   *  @throws MillraceError like `jobs.create`; Conflict `THREAD_BUSY` with `onBusy: 'reject'` */
  send(job: NewJob, options: CreateOptions = {}): Promise<Job> {
    return this.jobs.create({ ...job, threadId: this.id }, options);
  }

  /** Answers what the thread's agent asks.
   *  @param value any JSON; `{interruptId: value, …}` where it asks several
   *  @throws NotFound; Conflict `NOT_INTERRUPTED`; InvalidRequest `INVALID_INPUT` */
  resume(value: unknown, options: CreateOptions & { readonly job?: NewJob } = {}): Promise<Job> {
    const { job, ...rest } = options;
    return this.send({ ...job, resume: value }, rest);
  }

  [Symbol.asyncIterator](): AsyncGenerator<ThreadEvent, void, undefined> {
    return this.events();
  }

  /** Everything that happens in the thread from now on, or after `lastEventId`, job after job, over as many connections as it
   *  takes: no gap and no repeat, also when a connection is lost before the first event. Each job comes whole, from `accepted` to
   *  its terminal event, before the next one. A `reset` with the reason `log-lost` voids what the reader has of the thread: what
   *  there is follows. Leaving the loop, or aborting the signal, detaches: the jobs continue. It ends only with the thread, once
   *  that is erased or has expired.
   *  @throws NotFound before the first connection; MillraceError: the server refuses, or is unreachable for too long
   *  @throws the signal's reason */
  async *events(options: WatchOptions = {}): AsyncGenerator<ThreadEvent, void, undefined> {
    let begun = false;
    const onOpen = () => {
      begun = true;
      options.onOpen?.();
    };
    const path = pathOf('threads', this.id, '/stream');
    try {
      const { lastEventId } = this.start;
      for await (const event of resumedEvents(this.link, { ...options, path, lastEventId, onOpen })) {
        this.seen = event.id;
        yield { ...event, jobId: event.id.slice(0, event.id.indexOf('/')) };
      }
    } catch (error) {
      if (begun && error instanceof MillraceError && error.code === 'THREAD_NOT_FOUND') return;
      throw error;
    }
  }

  /** @throws NotFound */
  get(options: CallOptions = {}): Promise<ThreadView> {
    return this.json('', {}, options);
  }

  /** One page of its messages, oldest first.
   *  @throws NotFound */
  messages(filter: PageFilter = {}, options: CallOptions = {}): Promise<ThreadMessagePage> {
    return this.json('/messages', filter, options);
  }

  /** One page of the checkpoints of an agent's thread, newest first.
   *  @throws NotFound */
  history(filter: PageFilter = {}, options: CallOptions = {}): Promise<CheckpointPage> {
    return this.json('/history', filter, options);
  }

  /** Makes a new thread that begins where this one stands, or stood.
   *  @throws NotFound; Conflict `THREAD_EXISTS` */
  async fork(options: ForkOptions = {}, { signal }: CallOptions = {}): Promise<Thread> {
    const request = { method: 'POST', path: pathOf('threads', this.id, '/fork'), body: options, signal } as const;
    const { id } = await this.link.transport.json<ThreadView>(request);
    return new Thread(this.link, this.jobs, { id, lastEventId: null });
  }

  /** Cancels what runs in the thread, and erases it with its jobs.
   *  @throws NotFound */
  async erase({ signal }: CallOptions = {}): Promise<void> {
    await this.link.transport.send({ method: 'DELETE', path: pathOf('threads', this.id), signal });
  }

  private json<T>(part: string, filter: PageFilter, { signal }: CallOptions): Promise<T> {
    const path = withQuery(pathOf('threads', this.id, part), filter);
    return this.link.transport.json({ method: 'GET', path, signal });
  }
}
