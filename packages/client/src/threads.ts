import type { Jobs } from './jobs.ts';
import type { Link } from './resumed-events.ts';
import { Thread, type ThreadReference } from './thread.ts';
import type { NewThread, ThreadFilter, ThreadPage, ThreadView } from './thread-view.ts';
import { type CallOptions, withQuery } from './transport.ts';

/** The threads of a service: `millrace.threads`. @see PROTOCOL.md §10 */
export class Threads {
  constructor(
    private readonly link: Link,
    private readonly jobs: Jobs,
  ) {}

  /** Makes a thread; for an id that exists, merges the metadata into that thread's.
   *  @throws LimitReached, InvalidRequest */
  async create(thread: NewThread = {}, { signal }: CallOptions = {}): Promise<Thread> {
    const request = { method: 'POST', path: '/threads', body: thread, signal } as const;
    const { id } = await this.link.transport.json<ThreadView>(request);
    return this.resume(id);
  }

  /** A thread that exists, or will with its first job. Nothing is sent until it is used.
   *  @param thread its id, to watch it from now on, or what its `toJSON` gave, to go on after the last event */
  resume(thread: string | ThreadReference): Thread {
    const start = typeof thread === 'string' ? { id: thread, lastEventId: null } : thread;
    return new Thread(this.link, this.jobs, start);
  }

  /** One page of the caller's threads, newest first. */
  list(filter: ThreadFilter = {}, { signal }: CallOptions = {}): Promise<ThreadPage> {
    return this.link.transport.json({ method: 'GET', path: withQuery('/threads', filter), signal });
  }
}
