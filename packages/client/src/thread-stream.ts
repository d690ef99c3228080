import type { JobEvent } from './job-event.ts';
import { MillraceError } from './millrace-error.ts';
import { type ReadingOptions, resumedEvents } from './resumed-events.ts';

/** One event of a thread: an event of one of its jobs. `id` is opaque: keep the last one to resume after it. */
export type ThreadEvent = JobEvent & { readonly jobId: string };

export interface ThreadStreamOptions extends ReadingOptions {
  /** the thread's */
  readonly id: string;
}

/** Everything that happens in a thread, job after job, over as many connections as it takes: no gap and no repeat, also
 *  when a connection is lost before the first event. Each job comes whole, from `accepted` to its terminal event, before the
 *  next one. A `reset` with the reason `log-lost` voids what the reader has of the thread: what there is follows.
 *  Leaving a loop, or aborting the signal, stops watching: the jobs continue.
 *  @see PROTOCOL.md §10 */
export class ThreadStream implements AsyncIterable<ThreadEvent> {
  /** the thread's */
  readonly id: string;
  private seen: string | null;

  constructor(private readonly options: ThreadStreamOptions) {
    this.id = options.id;
    this.seen = options.lastEventId;
  }

  /** The event after which to resume: the last one delivered; null: none yet. */
  get lastEventId(): string | null {
    return this.seen;
  }

  /** Every event. It ends only with the thread, once that is erased or has expired.
   *  @throws MillraceError `THREAD_NOT_FOUND` before the first connection; the server refuses, or is unreachable for too long
   *  @throws the signal's reason */
  async *[Symbol.asyncIterator](): AsyncGenerator<ThreadEvent, void, undefined> {
    const path = `/threads/${encodeURIComponent(this.id)}/stream`;
    let begun = false;
    const onBegin = () => {
      begun = true;
    };
    try {
      for await (const event of resumedEvents(this.options, { path, requestId: null, first: null, onBegin })) {
        this.seen = event.id;
        yield { ...event, jobId: event.id.slice(0, event.id.indexOf('/')) };
      }
    } catch (error) {
      if (begun && error instanceof MillraceError && error.code === 'THREAD_NOT_FOUND') return;
      throw error;
    }
  }
}
