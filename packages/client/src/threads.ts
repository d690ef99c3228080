import type { ForkOptions, NewThread, PageFilter, Thread, ThreadMessagePage, ThreadPage } from './thread.ts';
import { type CallOptions, queryOf, type Transport } from './transport.ts';

/** The threads of a service: `client.threads`. Jobs go into a thread by their field `threadId`. @see PROTOCOL.md §10 */
export class Threads {
  constructor(private readonly transport: Transport) {}

  /** Makes a thread; one with this id that exists is returned, with the metadata merged.
   *  @throws MillraceError `QUOTA_EXCEEDED`, `INVALID_REQUEST` */
  create(thread: NewThread = {}, { signal }: CallOptions = {}): Promise<Thread> {
    return this.post('/threads', thread, signal);
  }

  /** @throws MillraceError `THREAD_NOT_FOUND` */
  get(id: string, { signal }: CallOptions = {}): Promise<Thread> {
    return this.transport.json({ method: 'GET', path: threadPath(id), signal: signal ?? null });
  }

  /** One page of the caller's threads, newest first. */
  list(filter: PageFilter = {}, { signal }: CallOptions = {}): Promise<ThreadPage> {
    return this.transport.json({ method: 'GET', path: `/threads${queryOf(filter)}`, signal: signal ?? null });
  }

  /** One page of a thread's messages, oldest first.
   *  @throws MillraceError `THREAD_NOT_FOUND` */
  messages(id: string, filter: PageFilter = {}, { signal }: CallOptions = {}): Promise<ThreadMessagePage> {
    const path = `${threadPath(id)}/messages${queryOf(filter)}`;
    return this.transport.json({ method: 'GET', path, signal: signal ?? null });
  }

  /** Makes a new thread that begins where this one stands, or stood.
   *  @throws MillraceError `THREAD_NOT_FOUND`, `THREAD_EXISTS` */
  fork(id: string, options: ForkOptions = {}, { signal }: CallOptions = {}): Promise<Thread> {
    return this.post(`${threadPath(id)}/fork`, options, signal);
  }

  /** Cancels what runs in a thread, and erases it with its jobs.
   *  @throws MillraceError `THREAD_NOT_FOUND` */
  async delete(id: string, { signal }: CallOptions = {}): Promise<void> {
    await this.transport.send({ method: 'DELETE', path: threadPath(id), signal: signal ?? null });
  }

  private post(path: string, body: object, signal: AbortSignal | undefined): Promise<Thread> {
    const headers = { 'content-type': 'application/json' };
    return this.transport.json({ method: 'POST', path, headers, body: JSON.stringify(body), signal: signal ?? null });
  }
}

function threadPath(id: string): string {
  return `/threads/${encodeURIComponent(id)}`;
}
